//! Images: whether a node has one, how it is pulled, and the wait after pulls that failed.
//!
//! Mirrors pkg/kubelet/images/image_manager.go (v1.36).

use std::time::Duration;

use seatrial_machinery::{EventText, SimTime};

use crate::behavior::{Pull, When};
use crate::plan::PullPolicy;
use crate::start::StartError;
use crate::worker::{PodWorker, Turn};

const ERR_IMAGE_PULL: &str = "ErrImagePull";
const IMAGE_PULL_BACK_OFF: &str = "ImagePullBackOff";
const ERR_IMAGE_NEVER_PULL: &str = "ErrImageNeverPull";
const INVALID_IMAGE_NAME: &str = "InvalidImageName";

/// A pull that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pulling {
    pub(crate) index: usize,
    /// When it was asked for.
    asked: SimTime,
    /// When its turn came: a node pulls one image after the other.
    began: SimTime,
    failure: Option<String>,
}

/// How it stands with an image.
pub(crate) enum Image {
    /// It is there.
    Present,
    /// It is being pulled until then; nothing where the pull never ends.
    Pulling(Pulling, Option<SimTime>),
}

impl PodWorker {
    /// Mirrors `EnsureImageExists`.
    pub(crate) fn ensure_image_exists(&mut self, turn: &mut Turn<'_, '_>, index: usize) -> Result<Image, StartError> {
        let plan = &self.plan.containers[index];
        let image = plan.identity.image.as_str();
        if let Some(why) = &plan.image_error {
            let text =
                format!("Failed to apply default image tag {image:?}: couldn't parse image name {image:?}: {why}");
            self.container_event(turn, index, &EventText::warning("InspectFailed", &text));
            return Err(StartError::new(INVALID_IMAGE_NAME, text));
        }
        let is_present = turn.node.images.contains(plan.image);
        match plan.pull_policy {
            PullPolicy::Never if !is_present => {
                let text = format!("Container image {image:?} is not present with pull policy of Never");
                self.container_event(turn, index, &EventText::warning(ERR_IMAGE_NEVER_PULL, &text));
                return Err(StartError::new(ERR_IMAGE_NEVER_PULL, text));
            }
            PullPolicy::Always => {}
            _ if is_present => {
                self.container_event(turn, index, &EventText::normal("Pulled", &plan.present));
                return Ok(Image::Present);
            }
            _ => {}
        }
        if let Some(trouble) = &self.containers[index].trouble
            && trouble.pulls.since_update(turn.now).is_some()
        {
            let text = format!("Back-off pulling image {image:?}");
            let why = format!("{text}: {ERR_IMAGE_PULL}: {}", trouble.pull_error);
            self.container_event(turn, index, &EventText::normal("BackOff", &text));
            return Err(StartError::new(IMAGE_PULL_BACK_OFF, why).lasting(self.never_pulled(turn, index)));
        }
        self.container_event(turn, index, &EventText::normal("Pulling", &format!("Pulling image {image:?}")));
        self.pull(turn, index)
    }

    fn pull(&mut self, turn: &mut Turn<'_, '_>, index: usize) -> Result<Image, StartError> {
        let Some(pull) = self.behavior(turn, index).and_then(|b| b.pull.clone()) else {
            let at_once = Pulling { index, asked: turn.now, began: turn.now, failure: None };
            self.pulled(turn, &at_once)?;
            return Ok(Image::Present);
        };
        let failed = self.containers[index].trouble.as_ref().map_or(0, |t| t.failed_pulls);
        let began = turn.now.max(turn.node.pulling_until);
        let failure = pull.failure.as_ref().filter(|f| f.holds(failed)).map(|f| f.text.clone());
        let pulling = Pulling { index, asked: turn.now, began, failure };
        match pull.after {
            When::After(after) if after.is_zero() && began == turn.now => {
                self.pulled(turn, &pulling)?;
                Ok(Image::Present)
            }
            When::After(after) => {
                turn.node.pulling_until = began + after;
                Ok(Image::Pulling(pulling, Some(began + after)))
            }
            When::Never => Ok(Image::Pulling(pulling, None)),
        }
    }

    /// A pull is through.
    pub(crate) fn pulled(&mut self, turn: &mut Turn<'_, '_>, pulling: &Pulling) -> Result<(), StartError> {
        let index = pulling.index;
        let image = self.plan.containers[index].identity.image.clone();
        if let Some(failure) = &pulling.failure {
            let error = format!("rpc error: code = Unknown desc = {failure}");
            let text = format!("Failed to pull image {:?}: {error}", image.as_str());
            self.container_event(turn, index, &EventText::warning("Failed", &text));
            let trouble = self.containers[index].trouble();
            trouble.is_about(&image);
            trouble.failed_pulls += 1;
            trouble.pulls.next(turn.now, turn.now);
            trouble.pull_error.clone_from(&error);
            return Err(StartError::new(ERR_IMAGE_PULL, error).lasting(self.never_pulled(turn, index)));
        }
        let text = format!(
            "Successfully pulled image {:?} in {} ({} including waiting). Image size: 0 bytes.",
            image.as_str(),
            go_duration(millis(turn.now - pulling.began)),
            go_duration(millis(turn.now - pulling.asked)),
        );
        self.container_event(turn, index, &EventText::normal("Pulled", &text));
        turn.node.images.insert(self.plan.containers[index].image);
        Ok(())
    }

    /// Whether the image will never come, however often it is pulled.
    fn never_pulled(&self, turn: &Turn<'_, '_>, index: usize) -> bool {
        let always = |pull: &Pull| pull.failure.as_ref().is_some_and(|f| f.times.is_none());
        self.behavior(turn, index).and_then(|b| b.pull.as_ref()).is_some_and(always)
    }
}

fn millis(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// A duration as Go prints it.
pub(crate) fn go_duration(duration: Duration) -> SimTime {
    SimTime::ZERO + duration
}

/// Why a text is no image name. Mirrors `reference.ParseNormalizedNamed` of distribution.
pub(crate) fn parse_image_name(image: &str) -> Result<(), String> {
    const INVALID: &str = "invalid reference format";
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err(INVALID.to_owned());
    }
    let (domain, rest) = match name.split_once('/') {
        Some((first, rest)) if is_domain(first) => (Some(first), rest),
        _ => (None, name),
    };
    let (path, tag) = rest.split_once(':').map_or((rest, None), |(path, tag)| (path, Some(tag)));
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        let library = if domain.is_none() && !path.contains('/') { "library/" } else { "" };
        return Err(format!("{INVALID}: repository name ({library}{path}) must be lowercase"));
    }
    let is_tag = |tag: &str| {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
    };
    let is_valid = path.split('/').all(is_path_component) && tag.is_none_or(is_tag);
    if is_valid { Ok(()) } else { Err(INVALID.to_owned()) }
}

/// Whether the first part of a name is a registry and not a folder.
fn is_domain(first: &str) -> bool {
    let looks_like_one = first.contains(['.', ':']) || first == "localhost" || first != first.to_lowercase();
    looks_like_one && first.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c))
}

/// Lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
fn is_path_component(part: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = part.split(word).filter(|s| !s.is_empty());
    let mut are_separators = separators.into_iter();
    part.starts_with(word)
        && part.ends_with(word)
        && are_separators.all(|s| matches!(s, "." | "_" | "__") || s.chars().all(|c| c == '-'))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    algorithm.starts_with(|c: char| c.is_ascii_alphabetic())
        && hex.len() >= 32
        && hex.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_are_those_of_distribution() {
        let digest = format!("app@sha256:{}", "a".repeat(64));
        let good = ["app", "app:1", "a/b_c/d--e:v1.2-x", "registry.example.com:5000/app:1", "localhost/app", &digest];
        for name in good {
            assert_eq!(parse_image_name(name), Ok(()), "{name}");
        }
        let invalid = "invalid reference format";
        let bad = [
            ("app::1", invalid),
            ("", invalid),
            ("app:", invalid),
            ("app:-1", invalid),
            ("a//b", invalid),
            ("-app", invalid),
            ("a...b", invalid),
            ("app@sha256:12", invalid),
            ("a b", invalid),
            ("App:1", "invalid reference format: repository name (library/App) must be lowercase"),
            ("x.io/App", "invalid reference format: repository name (App) must be lowercase"),
        ];
        for (name, why) in bad {
            assert_eq!(parse_image_name(name), Err(why.to_owned()), "{name}");
        }
    }
}
