#[rapace::service]
trait Store<#[cfg(all())] T> {
    fn put(&self, value: T);
}

fn main() {}
