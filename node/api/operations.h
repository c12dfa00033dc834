// What the public API does, as tasks over the parts of a client.
#pragma once

#include <optional>

#include "node/client/client_parts.h"
#include "node/fetch/fetcher.h"
#include "node/store/storer.h"

namespace vortex::node {

struct StoreTerms {
  Precondition only_if;
  std::uint32_t mode = 0644;
  std::optional<FileTime> modified;

  StoreTerms() {}
};

StoreOptions store_options(ClientParts& parts, const StoreTerms& terms);
// The bytes stay as long as the task runs.
Task<Result<Inode>> store_bytes(ClientParts& parts, std::string path, ByteView bytes, StoreTerms terms);
Task<Result<Inode>> write_bytes(ClientParts& parts, std::string path, std::uint64_t offset, ByteView bytes);
// Behind the end, wherever it is when the bytes come there; makes the file when there is none.
Task<Result<Inode>> append_bytes(ClientParts& parts, std::string path, ByteView bytes);
// `too_large` when that is no amount for memory.
Task<Result<std::vector<std::byte>>> fetch_bytes(ClientParts& parts, std::string path, std::uint64_t offset,
                                                 std::uint64_t length);
Task<Result<Inode>> make_directory(ClientParts& parts, std::string path, bool parents);
Task<Result<Inode>> make_symlink(ClientParts& parts, std::string target, std::string path);

}  // namespace vortex::node
