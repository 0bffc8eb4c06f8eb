#[rapace::service]
trait Service<'a> {
    fn borrow(&self, text: &'a str) -> u32;
}

fn main() {
    // Uses of what is generated bring no second error.
    let _ = ServiceClient::connect("/tmp/nowhere");
}
