//! Strongly connected components of a graph of numbered nodes.

/// Returns the number of the component of each node. Works without recursion, in linear time.
pub(super) fn components(edges: &[Vec<usize>], reversed: &[Vec<usize>]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let mut component = vec![NONE; edges.len()];
    for (number, start) in finish_order(edges).into_iter().rev().enumerate() {
        if component[start] != NONE {
            continue;
        }
        component[start] = number;
        let mut stack = vec![start];
        while let Some(node) = stack.pop() {
            for &next in &reversed[node] {
                if component[next] == NONE {
                    component[next] = number;
                    stack.push(next);
                }
            }
        }
    }
    component
}

/// Returns the nodes in the order in which a depth-first search leaves them.
fn finish_order(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut seen = vec![false; edges.len()];
    let mut order = Vec::with_capacity(edges.len());
    for start in 0..edges.len() {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut stack = vec![(start, 0)];
        while let Some((node, place)) = stack.pop() {
            let Some(&next) = edges[node].get(place) else {
                order.push(node);
                continue;
            };
            stack.push((node, place + 1));
            if !seen[next] {
                seen[next] = true;
                stack.push((next, 0));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn components_of(count: usize, pairs: &[(usize, usize)]) -> Vec<usize> {
        let (mut edges, mut reversed) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for &(from, to) in pairs {
            edges[from].push(to);
            reversed[to].push(from);
        }
        components(&edges, &reversed)
    }

    #[test]
    fn the_nodes_of_a_cycle_are_one_component() {
        let of = components_of(5, &[(0, 1), (1, 2), (2, 0), (2, 3), (4, 3)]);
        assert!(of[0] == of[1] && of[1] == of[2]);
        assert!(of[3] != of[0] && of[4] != of[0] && of[3] != of[4]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let pairs: Vec<_> = (0..200_000).map(|node| (node, node + 1)).collect();
        let mut of = components_of(200_001, &pairs);
        of.sort_unstable();
        of.dedup();
        assert_eq!(of.len(), 200_001);
    }
}
