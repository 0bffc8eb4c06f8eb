#[rapace::service(nme = "x")]
trait Service {
    type Item;
    #[rapace(onewy)]
    fn first<T>(&mut self, (a, b): (T, &mut u8)) -> &str;
    fn sound(&self, a: u8) -> u8;
    fn second(&self, _: u8) -> Option<&str>;
}

struct Implementation;

// What is sound can still be used: no error below this line.
fn call(client: &ServiceClient) {
    let _: Result<u8, rapace::RpcError> = client.sound(1).wait();
}

fn main() {}
