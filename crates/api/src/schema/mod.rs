//! The Go types behind the JSON: field names, kinds and merge keys of every type the simulator serves.
