//! pod-template-hash, bit exact: a template is dumped as Go's spew dumps it, and the dump is hashed.
//!
//! Mirrors pkg/controller (`ComputeHash`), pkg/util/hash (`DeepHashObject`) and apimachinery util/rand (`SafeEncodeString`) (v1.36).

use std::fmt::Write;

use serde_json::Value;

use super::{Field, Type, TypeRef, type_named};

const FNV_OFFSET: u32 = 2_166_136_261;
const FNV_PRIME: u32 = 16_777_619;
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A 32-bit FNV-1a hash that text can be written into.
#[derive(Clone, Copy, Debug)]
pub struct Fnv1a32(u32);

impl Default for Fnv1a32 {
    fn default() -> Self {
        Self(FNV_OFFSET)
    }
}

impl Fnv1a32 {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(FNV_PRIME);
        }
    }

    /// The hash of what was added.
    pub fn value(self) -> u32 {
        self.0
    }
}

impl Write for Fnv1a32 {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.update(text.as_bytes());
        Ok(())
    }
}

/// Makes a text of letters and digits that spell no words. Mirrors `rand.SafeEncodeString`.
pub fn safe_encode_string(text: &str) -> String {
    text.bytes().map(|b| char::from(ALPHABET[usize::from(b) % ALPHABET.len()])).collect()
}

/// The hash of a pod template (canonical JSON, without the label `pod-template-hash`). Mirrors `controller.ComputeHash`.
pub fn compute_hash(template: &Value, collision_count: Option<i32>) -> String {
    let mut hash = Fnv1a32::default();
    dump(&mut hash, template);
    if let Some(count) = collision_count {
        hash.update(&count.to_le_bytes());
        hash.update(&[0; 4]);
    }
    safe_encode_string(&hash.value().to_string())
}

/// Writes the dump of a pod template.
fn dump(out: &mut impl Write, template: &Value) {
    let Some(ty) = type_named("PodTemplateSpec") else { return };
    // Neither a string nor a hash refuses text.
    let _ = out.write_str("(v1.PodTemplateSpec)").and_then(|()| structure(out, template, ty));
}

fn structure(out: &mut impl Write, value: &Value, ty: TypeRef) -> std::fmt::Result {
    out.write_char('{')?;
    for (index, field) in ty.fields().iter().enumerate() {
        if index > 0 {
            out.write_char(' ')?;
        }
        write!(out, "{}:({})", field.go_name, field.go_type)?;
        field_body(out, value, field)?;
    }
    out.write_char('}')
}

fn field_body(out: &mut impl Write, parent: &Value, field: &Field) -> std::fmt::Result {
    // The keys of an embedded struct are its parent's.
    let value = if field.json_name.is_empty() { parent } else { parent.get(&field.json_name).unwrap_or(&Value::Null) };
    body(out, value, &field.ty)
}

fn body(out: &mut impl Write, value: &Value, ty: &Type) -> std::fmt::Result {
    match ty {
        Type::Pointer(_) if value.is_null() => out.write_str("<nil>"),
        Type::Pointer(target) => body(out, value, target),
        Type::Struct(inner) => structure(out, value, *inner),
        Type::Slice(item) => match value.as_array().filter(|list| !list.is_empty()) {
            None => out.write_str("<nil>"),
            Some(list) => {
                out.write_char('[')?;
                for (index, value) in list.iter().enumerate() {
                    if index > 0 {
                        out.write_char(' ')?;
                    }
                    body(out, value, item)?;
                }
                out.write_char(']')
            }
        },
        Type::Map(item) => map(out, value, item),
        Type::String | Type::Bytes | Type::Raw => out.write_str(value.as_str().unwrap_or_default()),
        Type::Bool => write!(out, "{}", value.as_bool().unwrap_or(false)),
        Type::Int32 | Type::Int64 => write!(out, "{}", value.as_i64().unwrap_or(0)),
        Type::IntOrString => match value {
            Value::String(text) => write!(out, "{{Type:(intstr.Type)1 IntVal:(int32)0 StrVal:(string){text}}}"),
            _ => write!(out, "{{Type:(intstr.Type)0 IntVal:(int32){} StrVal:(string)}}", value.as_i64().unwrap_or(0)),
        },
        Type::Quantity => quantity(out, value.as_str().unwrap_or("0")),
        Type::Time | Type::MicroTime => {
            out.write_str("{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}")
        }
    }
}

fn map(out: &mut impl Write, value: &Value, item: &Type) -> std::fmt::Result {
    let Some(map) = value.as_object().filter(|map| !map.is_empty()) else {
        return out.write_str("<nil>");
    };
    let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
    pairs.sort_unstable_by_key(|(key, _)| *key);
    out.write_str("map[")?;
    for (index, (key, value)) in pairs.into_iter().enumerate() {
        if index > 0 {
            out.write_char(' ')?;
        }
        write!(out, "{key}:")?;
        body(out, value, item)?;
    }
    out.write_char(']')
}

const DECIMAL_SCALES: [(&str, i32); 9] =
    [("n", -9), ("u", -6), ("m", -3), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY_SCALES: [(&str, u32, usize); 6] =
    [("Ki", 10, 10), ("Mi", 20, 20), ("Gi", 30, 30), ("Ti", 40, 40), ("Pi", 50, 50), ("Ei", 60, 60)];

/// The inside of a `resource.Quantity`, as it is after it was read from its canonical text.
fn quantity(out: &mut impl Write, text: &str) -> std::fmt::Result {
    if let Some((number, bits, digits_of)) =
        BINARY_SCALES.iter().find_map(|(s, bits, k)| Some((text.strip_suffix(s)?, *bits, *k)))
    {
        return binary_quantity(out, text, number, bits, digits_of);
    }
    let (number, scale, format) = match text.split_once('e') {
        Some((number, power)) => (number, power.parse().unwrap_or(0), "DecimalExponent"),
        None => DECIMAL_SCALES
            .iter()
            .find_map(|(s, scale)| Some((text.strip_suffix(s)?, *scale, "DecimalSI")))
            .unwrap_or((text, 0, "DecimalSI")),
    };
    plain_quantity(out, number, scale, text, format)
}

fn plain_quantity(out: &mut impl Write, value: &str, scale: i32, cached: &str, format: &str) -> std::fmt::Result {
    write!(
        out,
        "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string){cached} Format:(resource.Format){format}}}"
    )
}

fn binary_quantity(out: &mut impl Write, text: &str, number: &str, bits: u32, digits_of: usize) -> std::fmt::Result {
    let value: i128 = number.parse().unwrap_or(0);
    // Reading keeps large binary amounts as big decimals.
    if number.trim_start_matches('-').len() + 3 * digits_of / 10 > 14 {
        return big_quantity(out, value << bits);
    }
    // The text is kept only where formatting did not have to shift it.
    let cached = if value % 8 == 0 { "" } else { text };
    plain_quantity(out, &(value << bits).to_string(), 0, cached, "BinarySI")
}

fn big_quantity(out: &mut impl Write, value: i128) -> std::fmt::Result {
    let negative = value < 0;
    let mut rest = value.unsigned_abs() * 1_000_000_000;
    write!(
        out,
        "{{i:(resource.int64Amount){{value:(int64)0 scale:(resource.Scale)0}} d:(resource.infDecAmount){{Dec:(*inf.Dec){{unscaled:(big.Int){{neg:(bool){negative} abs:(big.nat)["
    )?;
    let mut first = true;
    while rest > 0 {
        if !first {
            out.write_char(' ')?;
        }
        write!(out, "{}", rest as u64)?;
        rest >>= 64;
        first = false;
    }
    out.write_str("]} scale:(inf.Scale)9}} s:(string) Format:(resource.Format)BinarySI}")
}

#[cfg(test)]
mod tests;
