#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| workiva_sync_fuzz::json::check(bytes));
