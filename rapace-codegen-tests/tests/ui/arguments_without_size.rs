use std::ffi::OsStr;
use std::path::Path;

#[rapace::service]
trait Service {
    fn open(&self, path: &Path);
    fn named(&self, name: Option<&OsStr>);
    fn written_out(&self, path: &std::path::Path, name: &std::ffi::CStr);
}

fn main() {}
