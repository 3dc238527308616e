//! Argon2id as the functions make it.

use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Argon2id with the parameters and the working memory of a function.
pub struct Hasher {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl Hasher {
    /// A hasher whose memory serves all its hashes.
    pub fn new() -> Result<Self, argon2::Error> {
        let params = Params::new(19_456, 2, 1, Some(32))?;
        let memory = vec![Block::default(); params.block_count()];
        Ok(Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), memory })
    }

    /// Makes a hash, which nobody needs.
    pub fn hash(&mut self) -> Result<(), argon2::Error> {
        let Self { argon2, memory } = self;
        argon2.hash_password_into_with_memory(b"walk the green river", &[7; 16], &mut [0; 32], memory)
    }
}
