macro_rules! methods {
    () => {
        fn hidden(&self);
    };
}

#[rapace::service]
trait Service {
    type Item;
    const LIMIT: usize;
    methods!();
    fn sound(&self) -> u8;
}

fn main() {}
