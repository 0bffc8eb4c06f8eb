#[derive(serde::Deserialize)]
pub struct Point {
    pub x: i32,
}

#[rapace::service]
trait Service {
    fn put(&self, point: Point);
}

fn main() {}
