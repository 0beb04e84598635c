//! Container images.

/// Whether it is always the same version: a digest, or a tag that has a number in it.
pub fn is_pinned(image: &str) -> bool {
    if image.contains("@sha256:") {
        return true;
    }
    let name = image.rsplit('/').next().unwrap();
    name.split_once(':').is_some_and(|(_, tag)| tag != "latest" && tag.contains(|c: char| c.is_ascii_digit()))
}

#[test]
fn an_image_without_a_version_is_not_pinned() {
    for image in ["postgres:17.6-alpine", "r.example.org:5000/p2p/gateway:0.1.0", "redis@sha256:00"] {
        assert!(is_pinned(image), "{image}");
    }
    for image in ["postgres", "postgres:latest", "redis:alpine", "r.example.org:5000/p2p/gateway"] {
        assert!(!is_pinned(image), "{image}");
    }
}
