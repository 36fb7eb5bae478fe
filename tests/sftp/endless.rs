//! Servers that answer each request in time and never come to an end. OpenSSH's does not, so it is one of the test's own.

use std::time::Duration;

use russh_sftp::protocol::{Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode};

use super::common::people;
use super::own::{LetsIn, listen};
use super::server::sshd;
use super::{assert_refused, world};

/// How an answer is put off that never is the last one: far less than any answer may take.
const A_WHILE: Duration = Duration::from_millis(100);

/// What never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endless {
    /// A folder whose list goes on without a name.
    NoNames,
    /// A folder whose list goes on with one more name each time.
    Names,
    /// A file that comes byte by byte.
    Bytes,
}

/// What is behind it.
struct Files {
    manner: Endless,
    listed: u32,
}

fn large() -> FileAttributes {
    FileAttributes {
        size: Some(1024 * 1024 * 1024),
        mtime: Some(1_700_000_000),
        permissions: Some(0o100_644),
        ..FileAttributes::empty()
    }
}

impl russh_sftp::server::Handler for Files {
    type Error = StatusCode;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported
    }

    async fn opendir(&mut self, id: u32, _path: String) -> Result<Handle, Self::Error> {
        self.listed = 0;
        Ok(Handle { id, handle: "folder".into() })
    }

    async fn readdir(&mut self, id: u32, _handle: String) -> Result<Name, Self::Error> {
        self.listed += 1;
        let file = |name: String| File::new(name, large());
        match self.manner {
            Endless::NoNames => Ok(Name { id, files: Vec::new() }),
            Endless::Names => {
                tokio::time::sleep(A_WHILE).await;
                Ok(Name { id, files: vec![file(format!("employees-{}.csv", self.listed))] })
            }
            Endless::Bytes if self.listed == 1 => Ok(Name { id, files: vec![file("employees.csv".into())] }),
            Endless::Bytes => Err(StatusCode::Eof),
        }
    }

    async fn open(
        &mut self,
        id: u32,
        _filename: String,
        _flags: OpenFlags,
        _attrs: FileAttributes,
    ) -> Result<Handle, Self::Error> {
        Ok(Handle { id, handle: "file".into() })
    }

    async fn read(&mut self, id: u32, _handle: String, _offset: u64, _len: u32) -> Result<Data, Self::Error> {
        tokio::time::sleep(A_WHILE).await;
        Ok(Data { id, data: b"x".to_vec() })
    }

    async fn close(&mut self, id: u32, _handle: String) -> Result<Status, Self::Error> {
        let (error_message, language_tag) = (String::new(), String::new());
        Ok(Status { id, status_code: StatusCode::Ok, error_message, language_tag })
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        if path.contains('*') { Err(StatusCode::NoSuchFile) } else { Ok(Attrs { id, attrs: large() }) }
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        self.stat(id, path).await
    }

    async fn fstat(&mut self, id: u32, _handle: String) -> Result<Attrs, Self::Error> {
        Ok(Attrs { id, attrs: large() })
    }
}

/// Such a server is given up by its own words, which name this path of it, and nobody's access changes.
fn assert_given_up(manner: Endless, path: &str, words: [&str; 2]) {
    let Some(server) = sshd("") else { return };
    let mut world = world(&server);
    let rows = people(3);
    world.sync_rows(&rows, 0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let port = listen(&runtime, &server, LetsIn::Keys, move |stream| {
        tokio::spawn(russh_sftp::server::run(stream, Files { manner, listed: 0 }));
    });
    world.set("source.sftp.port", i64::from(port));
    world.set("source.sftp.transfer_seconds", 2);
    let path = world.path(path).display().to_string();
    let place = format!("sftp://127.0.0.1:{port}{} is not complete", path.trim_end_matches('/'));
    assert_refused(&world, &[&place, words[0], words[1]]);
    world.assert_agrees(&rows);
}

const LATE: [&str; 2] = ["did not come within 2 s", "source.sftp.transfer_seconds"];

#[test]
fn a_folder_whose_list_has_no_names_and_no_end_is_given_up_and_nobodys_access_changes() {
    assert_given_up(Endless::NoNames, "", ["goes on without a name", "let its operator mend that"]);
}

#[test]
fn a_folder_whose_list_has_more_names_without_end_is_given_up_and_nobodys_access_changes() {
    assert_given_up(Endless::Names, "", LATE);
}

#[test]
fn a_file_that_comes_byte_by_byte_is_given_up_and_nobodys_access_changes() {
    assert_given_up(Endless::Bytes, "employees.csv", LATE);
}
