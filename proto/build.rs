//! Compiles the .proto files without protoc, and keeps their comments for reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 6] = [
    "p2p/common/v1/common.proto",
    "p2p/catalog/v1/catalog.proto",
    "p2p/matching/v1/matching.proto",
    "p2p/order/v1/order.proto",
    "p2p/order/v1/mailbox.proto",
    "p2p/order/v1/keys.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=p2p");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("p2p_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
