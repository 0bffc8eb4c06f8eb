#[rapace::service(crate = "::rapace")]
trait Quoted {
    fn sound(&self) -> u8;
}

#[rapace::service(crate)]
trait Bare {
    fn sound(&self) -> u8;
}

fn main() {}
