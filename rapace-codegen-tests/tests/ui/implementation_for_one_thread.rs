use std::cell::Cell;

#[rapace::service]
trait Counter {
    fn count(&self) -> u32;
}

struct Own(Cell<u32>);

impl Counter for Own {
    fn count(&self) -> u32 {
        self.0.replace(self.0.get() + 1)
    }
}

fn main() {
    let _ = CounterClient::local(Own(Cell::new(0)));
}
