//! Reads assembly as far as a promise about memory accesses needs it: which words behind which pointer are loaded, how
//! often.

use std::collections::BTreeMap;

/// The lines of the function whose label contains `name`, in assembly as rustc emits it.
pub fn function<'a>(assembly: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let is_label = |line: &&str| line.ends_with(':') && !line.starts_with(['.', ' ', '\t']) && line.contains(name);
    let mut lines = assembly.lines().skip_while(|line| !is_label(line)).skip(1);
    let body: Vec<_> = lines.by_ref().take_while(|line| !line.trim_start().starts_with(".cfi_endproc")).collect();
    (!body.is_empty()).then_some(body)
}

/// How often each displacement from the pointer in the first argument is read, in x86-64 assembly (AT&T syntax, System V
/// calls). Follows copies of the pointer between registers; `None` when the pointer itself is handed on or stored, so
/// that somebody else could read through it.
pub fn loads_through_first_argument(body: &[&str]) -> Option<BTreeMap<i64, u32>> {
    let mut holders = vec!["%rdi".to_owned()];
    let mut loads = BTreeMap::new();
    for line in body {
        let line = line.trim().split('#').next().unwrap_or("").trim();
        let Some((operation, operands)) = line.split_once(char::is_whitespace) else { continue };
        if operation.starts_with('.') {
            continue;
        }
        if operation.starts_with("call") || operation.starts_with("jmp") && operands.starts_with('*') {
            if holders.iter().any(|holder| ["%rdi", "%rsi", "%rdx"].contains(&holder.as_str())) {
                return None;
            }
            // What a call may overwrite holds the pointer no more.
            holders.retain(|holder| ["%rbx", "%rbp", "%r12", "%r13", "%r14", "%r15"].contains(&holder.as_str()));
            continue;
        }
        let operands = split_operands(operands);
        for memory in operands.iter().filter_map(|operand| operand.strip_suffix(')')) {
            let (displacement, base) = memory.split_once('(')?;
            if holders.iter().any(|holder| base.split(',').any(|part| part == holder)) {
                let displacement = if displacement.is_empty() { Some(0) } else { displacement.parse().ok() };
                *loads.entry(displacement?).or_insert(0) += 1;
            }
        }
        if let ("movq", [from, to]) = (operation, operands.as_slice()) {
            if holders.contains(from) {
                if to.ends_with(')') {
                    return None;
                }
                holders.push(to.clone());
                continue;
            }
        }
        // Whatever is written holds the pointer no more.
        if let Some(to) = operands.last().filter(|to| !to.ends_with(')')) {
            if !matches!(operation, "cmpq" | "cmpl" | "testq" | "testb" | "pushq") {
                holders.retain(|holder| holder != to);
            }
        }
    }
    Some(loads)
}

/// Operands are separated by commas outside brackets.
fn split_operands(operands: &str) -> Vec<String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in operands.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if c != ',' || depth > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_fetch_is_counted() {
        let body = ["movq\t(%rdi), %rax", "movq\t8(%rdi), %rcx", "movq\t%rdi, %rbx", "movq\t8(%rbx), %rdx"];
        assert_eq!(loads_through_first_argument(&body), Some(BTreeMap::from([(0, 1), (8, 2)])));
    }

    #[test]
    fn a_pointer_that_is_handed_on_is_noticed() {
        // What rustc makes of `ptr::read`, check and use: the copy is gone and both get the pointer itself.
        let body = ["movq\t%rdi, %rbx", "callq\t*%rsi", "movq\t%rbx, %rdi", "callq\t*%r14"];
        assert_eq!(loads_through_first_argument(&body), None);
    }

    #[test]
    fn a_register_that_is_overwritten_is_forgotten() {
        let body = ["movq\t(%rdi), %rax", "leaq\t8(%rsp), %rdi", "callq\t*%rsi", "movq\t8(%rdi), %rax"];
        assert_eq!(loads_through_first_argument(&body), Some(BTreeMap::from([(0, 1)])));
    }
}
