pub struct Point {
    pub x: i32,
}

#[rapace::service]
trait ToCaller {
    fn points(&self, sound: u8, points: rapace::Tx<Point>);
}

#[rapace::service]
trait ToServer {
    fn points(&self, points: rapace::Rx<Vec<Point>>);
}

fn main() {}
