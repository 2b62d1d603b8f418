//! `model`: a name, or a section where more is said than the name.

use std::fmt;

use affinage_dataset::template::Thinking;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

/// The model that is tuned and compared. `model = "NAME"` and `[model] name = "NAME"` are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Hub id, folder, `.gguf` file or `pip:PACKAGE`.
    pub name: String,
    /// What templates are told; the same for all arms.
    pub thinking: Thinking,
}

impl Default for Model {
    fn default() -> Model {
        Model { name: "Qwen/Qwen2.5-0.5B-Instruct".to_owned(), thinking: Thinking::default() }
    }
}

/// As the file has it where it is a section.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Section {
    name: String,
    thinking: Thinking,
}

impl Default for Section {
    fn default() -> Section {
        let Model { name, thinking } = Model::default();
        Section { name, thinking }
    }
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Model, D::Error> {
        struct NameOrSection;
        impl<'de> Visitor<'de> for NameOrSection {
            type Value = Model;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("the name of a model, or a section with `name` and `thinking`")
            }

            fn visit_str<E>(self, name: &str) -> Result<Model, E> {
                Ok(Model { name: name.to_owned(), ..Model::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Model, A::Error> {
                let Section { name, thinking } = Section::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Model { name, thinking })
            }
        }
        deserializer.deserialize_any(NameOrSection)
    }
}

impl Serialize for Model {
    /// The name alone where nothing else differs from its default, as earlier versions wrote it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Model { name, thinking } = self.clone();
        match *self == (Model { name: name.clone(), ..Model::default() }) {
            true => serializer.serialize_str(&name),
            false => Section { name, thinking }.serialize(serializer),
        }
    }
}
