//! What was read, in lines for the console.

use comfy_table::presets;
use turbine_core::dataset::{Choice, Sentinel, Table};

/// What a source was detected as: `read as: semicolon, decimal comma, …`.
pub fn form(table: &Table) -> String {
    format!("read as: {}", table.form())
}

/// The columns that are read and, in a table, those that are left out, each with the reason.
pub fn columns(choice: &Choice) -> String {
    let names: Vec<&str> = choice.features.names().collect();
    let mut text = format!("columns read ({}): {}", names.len(), names.join(", "));
    if !choice.left_out.is_empty() {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["column left out", "why"]);
        for left_out in &choice.left_out {
            table.add_row([&left_out.column, &left_out.why]);
        }
        text = format!("{text}\n{table}");
    }
    text
}

/// One line for each value that looks like a sign for "no value", with the flag that makes it one.
pub fn sentinels(choice: &Choice) -> Vec<String> {
    let line = |Sentinel { column, value, count, others: (min, max) }: &Sentinel| {
        format!(
            "WARNING: {column} is {value} in {count} rows, far outside its other values ({min} to {max}), and is read as it is: if it stands for a missing value, add --missing-value {value}"
        )
    };
    choice.sentinels.iter().map(line).collect()
}
