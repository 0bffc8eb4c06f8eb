#[rapace::service]
struct Calculator {
    last: i32,
}

// The struct is there all the same: this line is no second error.
const _: Calculator = Calculator { last: 0 };

fn main() {}
