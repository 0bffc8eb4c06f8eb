//! Everything that an argument can borrow.

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Point {
    pub x: i32,
}

#[rapace::service]
pub trait Borrowing {
    fn texts(&self, text: &str, bytes: &[u8], maybe: Option<&str>) -> usize;
    fn values(&self, point: &Point, points: &[Point], maybe: Option<&Point>, some: Option<&[Point]>) -> i32;
}
