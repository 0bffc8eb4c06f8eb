#[rapace::service]
trait Lookup {
    fn lookup(&self, a: u32) -> u32;
}

struct Table<'t>(&'t [u32]);

impl Lookup for Table<'_> {
    fn lookup(&self, a: u32) -> u32 {
        self.0[a as usize]
    }
}

fn main() {
    let table = [1, 2, 3];
    let _ = LookupClient::local(Table(&table));
}
