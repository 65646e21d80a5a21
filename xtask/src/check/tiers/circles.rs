//! Import circles: a file imports, directly or through further files, the file itself.

use std::collections::{BTreeSet, VecDeque};

/// The imports by file; a file is an index.
pub type Graph = Vec<BTreeSet<usize>>;

/// A largest set of files in which every file reaches every file.
#[derive(Debug, PartialEq, Eq)]
pub struct Circle {
    pub files: Vec<usize>,
    /// The shortest way round; begins and ends with the same file.
    pub way: Vec<usize>,
}

/// Returns the circles, the largest first.
pub fn circles(graph: &Graph) -> Vec<Circle> {
    let reached: Vec<_> = (0..graph.len()).map(|file| reached_from(graph, file)).collect();
    let mut circles = Vec::new();
    let mut seen = BTreeSet::new();
    for file in 0..graph.len() {
        if seen.contains(&file) || !reached[file].contains(&file) {
            continue;
        }
        let files: Vec<_> =
            reached[file].iter().copied().filter(|&other| reached[other].contains(&file)).collect();
        seen.extend(files.iter().copied());
        let way = files.iter().filter_map(|&start| way_round(graph, start)).min_by_key(Vec::len);
        circles.push(Circle { way: way.unwrap_or_default(), files });
    }
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.files.len()));
    circles
}

fn reached_from(graph: &Graph, start: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        open.extend(graph[file].iter().filter(|&&next| reached.insert(next)));
    }
    reached
}

/// Returns the shortest way from `start` back to `start`.
fn way_round(graph: &Graph, start: usize) -> Option<Vec<usize>> {
    let mut open = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = open.pop_front() {
        for &next in &graph[way[way.len() - 1]] {
            let longer = || way.iter().copied().chain([next]).collect();
            if next == start {
                return Some(longer());
            }
            if seen.insert(next) {
                open.push_back(longer());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(graph: &[&[usize]]) -> Vec<Circle> {
        circles(&graph.iter().map(|imports| imports.iter().copied().collect()).collect())
    }

    #[test]
    fn graph_without_circles_has_none() {
        assert_eq!(found(&[&[1, 2], &[2], &[]]), []);
    }

    #[test]
    fn circles_are_found_the_largest_first() {
        // 0 and 1 import each other; 2, 3 and 4 are a longer circle; 3 also imports 2.
        let found = found(&[&[1, 2], &[0], &[3], &[2, 4], &[2]]);
        assert_eq!(found[0], Circle { files: vec![2, 3, 4], way: vec![2, 3, 2] });
        assert_eq!(found[1], Circle { files: vec![0, 1], way: vec![0, 1, 0] });
        assert_eq!(found.len(), 2);
    }
}
