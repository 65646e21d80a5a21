//! A folder of text files.

use std::fs;
use std::io;
use std::path::Path;

/// Writes `count` files of up to 3 KiB, in folders of 100 files each.
///
/// # Errors
///
/// Fails if a file cannot be written.
pub fn create(folder: &Path, count: usize) -> io::Result<()> {
    for number in 0..count {
        let of_hundred = folder.join(format!("{:03}", number / 100));
        fs::create_dir_all(&of_hundred)?;
        fs::write(of_hundred.join(format!("{number:05}.txt")), text(number))?;
    }
    Ok(())
}

/// Returns the text of a file. The texts differ in their lengths and in their words.
#[must_use]
pub fn text(number: usize) -> String {
    let words = number * 7_919 % 500;
    (0..words).map(|word| format!("{} ", (number + 1) * (word + 3) % 10_007)).collect()
}
