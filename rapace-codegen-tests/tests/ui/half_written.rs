#[rapace::service]
trait Service {
    fn sound(&self) -> u8;
    fn half(&self, a: );
    fn name
    fn after(&self) -> u8;
}

fn call(client: &ServiceClient) {
    let _ = client.sound().wait();
}

fn main() {}
