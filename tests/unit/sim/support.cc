#include "tests/unit/sim/support.h"

namespace vortex::sim {

namespace {
constexpr std::size_t kFileMax = 16 << 20;
}

Task<Status> write_text(File* file, std::uint64_t offset, std::string text) {
  ByteView piece = as_bytes(text);
  std::span<const ByteView> pieces(&piece, 1);
  co_return co_await file->write_at(offset, pieces);
}

Task<Status> put(Env& env, std::string path, std::string text, bool sync, bool sync_name) {
  OpenOptions options;
  options.create = true;
  CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open(path, options));
  CO_RETURN_IF_ERROR(co_await write_text(file.get(), 0, text));
  if (sync) CO_RETURN_IF_ERROR(co_await file->sync());
  if (sync_name) CO_RETURN_IF_ERROR(co_await env.disk().sync_directory("."));
  co_return Status();
}

Task<Result<std::string>> get(Env& env, std::string path) {
  CO_ASSIGN_OR_RETURN(auto bytes, co_await read_file(env.disk(), path, kFileMax));
  co_return std::string(as_text(bytes));
}

Task<Result<std::vector<std::string>>> names(Env& env, std::string path) {
  CO_ASSIGN_OR_RETURN(auto entries, co_await env.disk().list(path));
  std::vector<std::string> list;
  for (DirectoryEntry& entry : entries) list.push_back(std::move(entry.name));
  co_return list;
}

}  // namespace vortex::sim
