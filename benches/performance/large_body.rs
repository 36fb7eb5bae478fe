//! One JSON answer of many megabytes, made up by a server on loopback while it is read: how long, and the peak of memory.
//!
//! `cargo bench -- large_body [MEGABYTES]`; 500 by default.

use std::collections::HashMap;
use std::io::{BufWriter, Read, Write};
use std::net::TcpListener;

use workiva_sync::compose;
use workiva_sync::config::parse;

use crate::common::{now, peak_mib, read_all, runtime};

pub fn measure(megabytes: Option<usize>) {
    let megabytes = megabytes.unwrap_or(500) as u64;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || serve(&listener, megabytes * 1_000_000));
    let text = format!(
        "[source]\nkind = \"workday\"\nabsence = \"deprovision\"\n[source.account]\nreport_url = \"http://127.0.0.1:{port}/report\"\n\
         username = \"u\"\npassword = \"p\"\n{REST}"
    );
    let loaded = parse("bench", &text, HashMap::new()).unwrap_or_else(|errors| panic!("{errors}"));
    let source = compose::source(&loaded);
    let before = peak_mib();
    let started = now();
    let records = runtime().block_on(read_all(&source));
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{megabytes} MB of JSON, {records} records: {seconds:.1} s, {:.0} MB/s; peak memory {:.0} MiB, {before:.0} MiB before",
        f64::from(u32::try_from(megabytes).unwrap()) / seconds,
        peak_mib(),
    );
}

fn serve(listener: &TcpListener, bytes: u64) {
    let (mut stream, _) = listener.accept().unwrap();
    let _ = stream.read(&mut [0; 4096]).unwrap();
    let mut out = BufWriter::with_capacity(64 * 1024, stream);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    out.write_all(head.as_bytes()).unwrap();
    let mut written = 0;
    let mut number = 0;
    let mut chunk = String::from("{\"Report_Entry\":[");
    while written < bytes {
        for _ in 0..100 {
            let separator = if number == 0 { "" } else { "," };
            chunk += &format!(
                "{separator}{{\"Employee_ID\":\"{number:08}\",\"First_Name\":\"Given{number}\",\"Last_Name\":\"Family{number}\",\
                 \"Work_Email\":\"person{number}@example.com\",\"Active\":\"1\",\"Hire_Date\":\"2020-02-03-08:00\",\
                 \"Department\":\"Finance\",\"Business_Title\":\"Analyst\",\"Manager_ID\":\"00000001\",\"Termination_Date\":\"\"}}"
            );
            number += 1;
        }
        written += chunk.len() as u64;
        write!(out, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
        chunk.clear();
    }
    write!(out, "2\r\n]}}\r\n0\r\n\r\n").unwrap();
    out.flush().unwrap();
}

const REST: &str = r#"
[access]
provision = "all"
[attributes]
userName = "{{ work_email | lower }}"
"name.givenName" = "{{ given_name }}"
"name.familyName" = "{{ family_name }}"
"emails.work" = "{{ work_email }}"
[workiva]
base_url = "http://127.0.0.1:1/scim"
username = "u"
password = "p"
[guard]
max_deprovision_count = 1000
max_deprovision_percent = 100.0
"#;
