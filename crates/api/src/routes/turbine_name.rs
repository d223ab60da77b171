//! The name of a turbine in a path or a query.

use crate::error::ApiError;
use turbine_core::reading::TurbineId;

/// What stands for the readings that name no turbine. No turbine can be called so.
pub(super) const NAMELESS: &str = "-";

/// The turbine of that name; `None` for the readings that name none.
pub(super) fn parse(text: &str) -> Result<Option<TurbineId>, ApiError> {
    match text {
        NAMELESS => Ok(None),
        _ => text.parse().map(Some).map_err(|problem| {
            ApiError::bad_request(format!(
                "turbine {problem}, got {text:?}; `{NAMELESS}` selects readings that name none"
            ))
        }),
    }
}
