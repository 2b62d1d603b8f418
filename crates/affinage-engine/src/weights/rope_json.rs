//! The rotation of queries and keys in config.json.
//!
//! Source: transformers `modeling_rope_utils.py`, and the configuration class of each family.

use std::path::Path;

use serde::Deserialize;

use super::config::{Family, Llama3Scaling, LongRopeScaling, Rope, RopeScaling};
use super::config_json::ConfigJson;
use super::error::LoadError;

/// One rotation for all layers, or one for each kind of layer.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum RopeParameters {
    ByLayer { full_attention: Box<RopeJson>, sliding_attention: Option<Box<RopeJson>> },
    One(RopeJson),
}

#[derive(Deserialize)]
pub(super) struct RopeJson {
    rope_type: Option<String>,
    #[serde(rename = "type")]
    old_type: Option<String>,
    rope_theta: Option<f64>,
    pub partial_rotary_factor: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    short_factor: Option<Vec<f32>>,
    long_factor: Option<Vec<f32>>,
    attention_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
}

/// Positions of Phi-3 before its context was made longer.
pub(super) const PHI3_POSITIONS: usize = 4096;

/// The share of each head of Phi-3 that is rotated.
pub(super) fn rotated_share(json: &ConfigJson) -> f64 {
    let settings = match &json.rope_parameters {
        Some(RopeParameters::One(rope)) => Some(rope),
        _ => json.rope_scaling.as_ref(),
    };
    settings.and_then(|rope| rope.partial_rotary_factor).or(json.partial_rotary_factor).unwrap_or(1.0)
}

/// The rope settings, in `rope_parameters` since transformers 5, in `rope_theta` and `rope_scaling` before. The second
/// is that of the layers whose attention slides, where they have one of their own.
pub(super) fn ropes(
    path: &Path,
    family: Family,
    json: &ConfigJson,
) -> Result<(Rope, Option<Rope>), LoadError> {
    let default = match family {
        Family::Gemma3 => 1e6,
        Family::SmolLm3 => 2e6,
        _ => 1e4,
    };
    let (new, sliding) = match &json.rope_parameters {
        Some(RopeParameters::One(rope)) => (Some(rope), None),
        Some(RopeParameters::ByLayer { full_attention, sliding_attention }) => {
            (Some(&**full_attention), sliding_attention.as_deref())
        }
        None => (None, None),
    };
    let theta = new.and_then(|rope| rope.rope_theta).or(json.rope_theta).unwrap_or(default);
    let settings = new.or(json.rope_scaling.as_ref());
    if family == Family::Gemma3
        && let Some(RopeJson { rope_type: None, old_type: Some(kind), .. }) = settings
        && kind != "default"
    {
        // transformers 4 scales by it, transformers 5 passes it over.
        let what = "`type` in the rope settings of gemma3";
        return Err(LoadError::unsupported(path, what, kind, "`rope_type` in its place"));
    }
    let rope = rope(path, family, json, settings, theta)?;
    if let (Some(_), Some(old)) = (new, &json.rope_scaling)
        && self::rope(path, family, json, Some(old), theta)? != rope
    {
        let supported = "one of the two, or the same in both";
        return Err(LoadError::unsupported(path, "rope_scaling", "another than rope_parameters", supported));
    }
    if family != Family::Gemma3 {
        return match sliding {
            Some(_) => {
                let what = "rope_parameters.sliding_attention";
                Err(LoadError::unsupported(path, what, "present", "none, as only gemma3 has it"))
            }
            None => Ok((rope, None)),
        };
    }
    let theta = sliding.and_then(|rope| rope.rope_theta).or(json.rope_local_base_freq).unwrap_or(1e4);
    Ok((rope, Some(self::rope(path, family, json, sliding, theta)?)))
}

fn rope(
    path: &Path,
    family: Family,
    json: &ConfigJson,
    settings: Option<&RopeJson>,
    theta: f64,
) -> Result<Rope, LoadError> {
    let Some(settings) = settings else { return Ok(Rope { theta, scaling: None }) };
    let kind = settings.rope_type.as_deref().or(settings.old_type.as_deref());
    let number = |name: &str, value: Option<f64>| match value {
        Some(value) if value.is_finite() && value > 0.0 => Ok(value),
        other => {
            Err(LoadError::malformed(path, format!("rope {name}"), "a positive number", format!("{other:?}")))
        }
    };
    let scaling = match kind {
        Some("default") => None,
        // `su` is the older name.
        Some("longrope" | "su") if family == Family::Phi3 => {
            Some(RopeScaling::LongRope(long_rope(path, json, settings)?))
        }
        Some(other) if family == Family::Phi3 => {
            return Err(LoadError::unsupported(path, "the rope type", other, "default, longrope"));
        }
        Some("linear") => Some(RopeScaling::Linear { factor: number("factor", settings.factor)? }),
        Some("llama3") => {
            let positions = settings.original_max_position_embeddings;
            let scaling = Llama3Scaling {
                factor: number("factor", settings.factor)?,
                low_freq_factor: number("low_freq_factor", settings.low_freq_factor)?,
                high_freq_factor: number("high_freq_factor", settings.high_freq_factor)?,
                original_max_position_embeddings: number(
                    "original_max_position_embeddings",
                    positions.map(|n| n as f64),
                )? as usize,
            };
            if scaling.high_freq_factor <= scaling.low_freq_factor {
                let expected = format!("above low_freq_factor {}", scaling.low_freq_factor);
                return Err(LoadError::malformed(
                    path,
                    "rope high_freq_factor",
                    expected,
                    scaling.high_freq_factor,
                ));
            }
            Some(RopeScaling::Llama3(scaling))
        }
        Some(other) => {
            return Err(LoadError::unsupported(path, "the rope type", other, "default, linear, llama3"));
        }
        None => return Err(LoadError::malformed(path, "the rope settings", "a `rope_type`", "none")),
    };
    Ok(Rope { theta, scaling })
}

/// The longest sequence that Phi-3 takes with its short factors is next to the rope settings, and counts before one
/// within them.
fn long_rope(path: &Path, json: &ConfigJson, settings: &RopeJson) -> Result<LongRopeScaling, LoadError> {
    let original = json.original_max_position_embeddings.unwrap_or(PHI3_POSITIONS);
    if let Some(within) = settings.original_max_position_embeddings.filter(|within| *within != original) {
        let what = "original_max_position_embeddings in the rope settings";
        return Err(LoadError::unsupported(path, what, within, format!("{original}, as beside them")));
    }
    let list = |name: &str, list: &Option<Vec<f32>>| {
        list.clone()
            .ok_or_else(|| LoadError::malformed(path, format!("rope {name}"), "a list of numbers", "nothing"))
    };
    let positions = json.max_position_embeddings.unwrap_or(PHI3_POSITIONS);
    let factor = settings.factor.unwrap_or(positions as f64 / original as f64);
    let by_default = LongRopeScaling::default_attention_factor(factor, original);
    Ok(LongRopeScaling {
        short_factor: list("short_factor", &settings.short_factor)?,
        long_factor: list("long_factor", &settings.long_factor)?,
        attention_factor: settings.attention_factor.map_or(by_default, |factor| factor as f32),
        original_max_position_embeddings: original,
    })
}
