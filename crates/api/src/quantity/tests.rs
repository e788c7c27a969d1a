use super::*;

/// A text, its canonical text, its value and its thousandths.
type Row = (&'static str, &'static str, i64, i64);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Spellings that the API server shifts to the largest suffix.
    ("0", "0", 0, 0), ("00", "0", 0, 0), ("0Mi", "0", 0, 0), ("-0", "0", 0, 0), ("0.0", "0", 0, 0), ("0e9", "0", 0, 0),
    ("0.5", "500m", 1, 500), (".5", "500m", 1, 500), ("0.1", "100m", 1, 100), ("0.500", "500m", 1, 500),
    ("1.25", "1250m", 2, 1250), ("1.1k", "1100", 1100, 1_100_000), ("1.0", "1", 1, 1000), ("1.000", "1", 1, 1000),
    ("1000", "1k", 1000, 1_000_000), ("3000M", "3G", 3_000_000_000, 3_000_000_000_000),
    ("1000k", "1M", 1_000_000, 1_000_000_000), ("1000m", "1", 1, 1000), ("10000m", "10", 10, 10_000),
    ("100000", "100k", 100_000, 100_000_000), ("12e6", "12e6", 12_000_000, 12_000_000_000),
    ("12E6", "12e6", 12_000_000, 12_000_000_000), ("1e3", "1e3", 1000, 1_000_000), ("1e4", "10e3", 10_000, 10_000_000),
    ("1000e3", "1e6", 1_000_000, 1_000_000_000), ("1e-1", "100e-3", 1, 100), ("10e-1", "1", 1, 1000),
    ("1e-3", "1e-3", 1, 1), ("1e0", "1", 1, 1000), ("1.5e3", "1500", 1500, 1_500_000),
    ("100m", "100m", 1, 100), ("1500m", "1500m", 2, 1500), ("999", "999", 999, 999_000), ("100k", "100k", 100_000, 100_000_000),
    ("1024", "1024", 1024, 1_024_000), ("2048", "2048", 2048, 2_048_000),
    // Binary amounts.
    ("1Ki", "1Ki", 1024, 1_024_000), ("1024Ki", "1Mi", 1 << 20, (1 << 20) * 1000),
    ("1048576Ki", "1Gi", 1 << 30, (1 << 30) * 1000), ("1.5Gi", "1536Mi", 3 << 29, (3 << 29) * 1000),
    ("0.5Gi", "512Mi", 1 << 29, (1 << 29) * 1000), ("0.5Ki", "512", 512, 512_000), ("1.5Ki", "1536", 1536, 1_536_000),
    ("128Mi", "128Mi", 1 << 27, (1 << 27) * 1000), ("250Ki", "250Ki", 256_000, 256_000_000),
    ("1Ti", "1Ti", 1 << 40, (1 << 40) * 1000), ("1Pi", "1Pi", 1 << 50, (1 << 50) * 1000), ("7Ei", "7Ei", 7 << 60, i64::MAX),
    (".001Ki", "1024m", 2, 1024), ("0.0001Ki", "102400u", 1, 103), (".000001Ki", "1024u", 1, 2),
    (".000000001Ki", "1024n", 1, 1), (".000000000001Ki", "2n", 1, 1), ("0.1Mi", "104857600m", 104_858, 104_857_600),
    ("1.3Gi", "1395864371200m", 1_395_864_372, 1_395_864_371_200), ("0.3Ei", "345876451382054092800m", 345_876_451_382_054_093, i64::MAX),
    // What is finer than nano is rounded away from zero.
    ("0.001", "1m", 1, 1), ("0.0001", "100u", 1, 1), ("1u", "1u", 1, 1), ("1n", "1n", 1, 1), ("0.1n", "1n", 1, 1),
    ("1.0000000001", "1000000001n", 2, 1001), ("1e-10", "1e-9", 1, 1), ("-0.1n", "-1n", -1, -1), ("1e-400", "1e-9", 1, 1),
    // Signs.
    ("-1", "-1", -1, -1000), ("+1", "1", 1, 1000), ("-0.5", "-500m", -1, -500), ("-1500m", "-1500m", -2, -1500),
    ("-1.5Gi", "-1536Mi", -(3 << 29), -(3 << 29) * 1000), ("-1024Ki", "-1Mi", -(1 << 20), -(1 << 20) * 1000),
    ("-1000", "-1k", -1000, -1_000_000), ("+", "0", 0, 0), ("-", "0", 0, 0), (".", "0", 0, 0), ("m", "0", 0, 0), ("-Ki", "0", 0, 0),
    // The extremes: binary amounts are capped, decimal ones are not but lose their suffix beyond E.
    ("9E", "9E", 9_000_000_000_000_000_000, i64::MAX), ("9223372036854775807", "9223372036854775807", i64::MAX, i64::MAX),
    ("9223372036854775808", "9223372036854775808", i64::MAX, i64::MAX), ("-9223372036854775808", "-9223372036854775808", i64::MIN, i64::MIN),
    ("8Ei", "9223372036854775807", i64::MAX, i64::MAX), ("7.9999999999999999999Ei", "9223372036854775807", i64::MAX, i64::MAX),
    ("-8Ei", "-9223372036854775807", -i64::MAX, i64::MIN), ("99999999999999999999999999999999999999999Ki", "9223372036854775807", i64::MAX, i64::MAX),
    ("100E", "100E", i64::MAX, i64::MAX), ("1500E", "1500E", i64::MAX, i64::MAX), ("1000E", "1", i64::MAX, i64::MAX),
    ("1e21", "1e21", i64::MAX, i64::MAX), ("20000000000000000000", "20E", i64::MAX, i64::MAX), ("0e2147483647", "0", 0, 0),
    ("5.", "5", 5, 5000), ("00100", "100", 100, 100_000),
];

#[test]
fn canonical_texts_and_values() {
    for &(text, canonical, value, milli) in ROWS {
        let quantity = Quantity::parse(text).expect(text);
        let got = (quantity.to_string(), quantity.value(), quantity.milli_value());
        assert_eq!(got, (canonical.to_owned(), value, milli), "{text}");
    }
}

#[test]
fn canonical_texts_stay_as_they_are() {
    for &(_, canonical, ..) in ROWS.iter().filter(|(text, ..)| *text != "1000E") {
        let again = Quantity::parse(canonical).expect(canonical);
        assert_eq!(again.to_string(), canonical);
        assert_eq!(canonicalize(canonical).as_deref(), Ok(canonical));
    }
}

#[test]
fn upstream_keeps_some_texts() {
    // A text, what it becomes, and what it becomes in a resource list.
    let rows = [
        ("0.5", "500m", "500m"),
        ("1.500", "1.500", "1.500"),
        ("1.50", "1500m", "1500m"),
        ("1.000", "1", "1"),
        ("1.500k", "1.500k", "1.500k"),
        ("0.500", "500m", "500m"),
        ("+1", "+1", "+1"),
        ("00100", "00100", "00100"),
        ("5.", "5.", "5."),
        ("12E6", "12E6", "12E6"),
        ("1e+3", "1e+3", "1e+3"),
        ("1E4", "10e3", "10e3"),
        ("100u", "100u", "1m"),
        ("0.0001", "100u", "1m"),
        ("1.000100", "1.000100", "1001m"),
        ("0.1n", "1n", "1m"),
        ("+3Ki", "+3Ki", "+3Ki"),
        ("+8Ki", "8Ki", "8Ki"),
        ("01Gi", "01Gi", "01Gi"),
        ("+1Pi", "1Pi", "1Pi"),
        ("1024Ki", "1Mi", "1Mi"),
        (" 1000 ", "1k", "1k"),
        ("0.0001Ki", "102400u", "103m"),
        ("-0.0001", "-100u", "-1m"),
        ("1e30", "1e30", "1e30"),
    ];
    for (text, plain, rounded) in rows {
        assert_eq!(canonicalize(text).as_deref(), Ok(plain), "{text}");
        assert_eq!(canonicalize_round_up_milli(text).as_deref(), Ok(rounded), "{text}");
    }
}

#[test]
fn texts_that_are_no_quantities() {
    use QuantityError::{FormatWrong, Numeric, Suffix};
    let rows = [
        ("", FormatWrong),
        ("a", FormatWrong),
        ("aoeu", FormatWrong),
        ("1.1.1", FormatWrong),
        ("1.1.M", FormatWrong),
        ("1+1.0M", FormatWrong),
        ("1 Gi", FormatWrong),
        (" 1", FormatWrong),
        ("1 ", FormatWrong),
        ("1g", FormatWrong),
        ("1é", FormatWrong),
        ("1e3.5", FormatWrong),
        ("--1", Suffix),
        ("1K", Suffix),
        ("0.1mi", Suffix),
        ("0.1am", FormatWrong),
        (".5i", Suffix),
        ("1i", Suffix),
        ("1Kii", Suffix),
        ("1ee3", Suffix),
        ("1e", Suffix),
        ("1mm", Suffix),
        ("-3.01e-", Suffix),
        ("1-", Suffix),
        ("1k5", Suffix),
        ("1e99999999999999999999", Suffix),
        ("e-20", Numeric),
        ("-.e-20", Numeric),
    ];
    for (text, want) in rows {
        assert_eq!(Quantity::parse(text), Err(want), "{text}");
    }
    assert_eq!(Suffix.to_string(), "unable to parse quantity's suffix");
    assert_eq!(Numeric.to_string(), "unable to parse numeric part of quantity");
}

#[test]
fn sums_keep_the_format_and_zero_takes_the_others() {
    // Two amounts, their sum and their difference.
    let rows = [
        ("1", "1", "2", "0"),
        ("0", "1Gi", "1Gi", "-1Gi"),
        ("1Gi", "1Gi", "2Gi", "0"),
        ("500m", "500m", "1", "0"),
        ("1Gi", "1", "1073741825", "1073741823"),
        ("1Gi", "1m", "1073741824001m", "1073741823999m"),
        ("3", "-1", "2", "4"),
        ("1Ki", "1k", "2024", "24"),
        ("1k", "1Ki", "2024", "-24"),
        ("7Ei", "1Ei", "8Ei", "6Ei"),
        ("1e3", "1", "1001", "999"),
        ("999e3", "1k", "1e6", "998e3"),
        ("-1", "-1n", "-1000000001n", "-999999999n"),
    ];
    for (a, b, sum, difference) in rows {
        let (x, y) = (Quantity::parse(a).expect(a), Quantity::parse(b).expect(b));
        assert_eq!((x.add(&y).to_string().as_str(), x.sub(&y).to_string().as_str()), (sum, difference), "{a} {b}");
    }
}

#[test]
fn amounts_are_ordered_however_they_are_written() {
    let rows = [
        ("1k", "1000", Ordering::Equal),
        ("1Ki", "1k", Ordering::Greater),
        ("-1", "0", Ordering::Less),
        ("1n", "0", Ordering::Greater),
        ("8Ei", "9223372036854775807", Ordering::Equal),
        ("9223372036854775808", "8Ei", Ordering::Greater),
        ("1e27", "999E", Ordering::Greater),
    ];
    for (a, b, want) in rows {
        let (x, y) = (Quantity::parse(a).expect(a), Quantity::parse(b).expect(b));
        assert_eq!((x.cmp_value(&y), y.cmp_value(&x)), (want, want.reverse()), "{a} {b}");
    }
}

#[test]
fn amounts_beyond_every_bound_saturate() {
    let most = Quantity::parse("1e60").expect("1e60");
    let least = Quantity::parse("-1e60").expect("-1e60");
    assert_eq!((most.value(), least.milli_value()), (i64::MAX, i64::MIN));
    assert_eq!(most.add(&most).cmp_value(&most), Ordering::Equal);
    assert_eq!(least.add(&least).sub(&most).cmp_value(&least), Ordering::Equal);
    assert_eq!(least.round_up_milli().sign() + most.round_up_milli().sign(), 0);
}

#[test]
fn built_quantities_print_in_their_format() {
    let rows = [
        (Quantity::from_i64(0, Format::BinarySi), "0", 0),
        (Quantity::from_i64(1024, Format::BinarySi), "1Ki", 1),
        (Quantity::from_i64(1000, Format::BinarySi), "1k", 1),
        (Quantity::from_i64(-2048, Format::BinarySi), "-2Ki", -1),
        (Quantity::from_i64(1 << 40, Format::DecimalSi), "1099511627776", 1),
        (Quantity::from_i64(12_000_000, Format::DecimalExponent), "12e6", 1),
        (Quantity::from_i64(i64::MIN, Format::BinarySi), "-8Ei", -1),
        (Quantity::from_milli(250), "250m", 1),
        (Quantity::from_milli(-4000), "-4", -1),
        (Quantity::ZERO, "0", 0),
    ];
    for (quantity, text, sign) in rows {
        assert_eq!((quantity.to_string().as_str(), quantity.sign(), quantity.is_zero()), (text, sign, sign == 0));
    }
    assert_eq!(format!("[{:>6}|{:<5}]", Quantity::from_milli(250), Quantity::ZERO), "[  250m|0    ]");
}

#[test]
fn json_takes_texts_and_numbers() {
    let rows = [
        (r#""1.5Gi""#, Some("1536Mi")),
        (r#"" 2 ""#, Some("2")),
        ("2", Some("2")),
        ("-3000", Some("-3k")),
        ("0.5", Some("500m")),
        ("18446744073709551615", Some("18446744073709551615")),
        ("true", None),
        (r#""x""#, None),
        ("null", None),
    ];
    for (json, want) in rows {
        let got = serde_json::from_str::<Quantity>(json).ok();
        assert_eq!(got.map(|q| q.to_string()).as_deref(), want, "{json}");
        let printed = got.map(|q| serde_json::to_string(&q).expect("a quantity always prints"));
        assert_eq!(printed, want.map(|text| format!("\"{text}\"")), "{json}");
    }
    let api = ApiQuantity::from(Quantity::from_milli(1500));
    assert_eq!((api.0.as_str(), Quantity::try_from(&api)), ("1500m", Ok(Quantity::from_milli(1500))));
}

#[test]
fn the_usual_spellings_are_read_as_the_rules_read_them() {
    let numbers = ["0", "1", "8", "9", "10", "100", "1000", "1024", "250", "123456789", "1234567890", "007", ""];
    let mut usual = 0;
    for number in numbers {
        for suffix in ["", "m", "n", "k", "M", "Ki", "Mi", "Gi", "Ti", "K", " ", "e3", "mm"] {
            let text = format!("{number}{suffix}");
            if let Some(quantity) = parse::parse_usual(&text) {
                usual += 1;
                assert_eq!(Ok(quantity), parse::parse(&text).map(|read| read.quantity), "{text}");
            }
        }
    }
    assert_eq!(usual, 9 * 5);
}
