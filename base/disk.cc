#include "base/disk.h"

namespace vortex {

namespace {
std::string parent_directory(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Task<Status> write_new_file(Disk& disk, std::string path, ByteView content) {
  OpenOptions options;
  options.create = true;
  options.truncate = true;
  CO_ASSIGN_OR_RETURN(auto file, co_await disk.open(path, options));
  const ByteView pieces[] = {content};
  std::span<const ByteView> all(pieces);
  if (!content.empty()) CO_RETURN_IF_ERROR(co_await file->write_at(0, all));
  co_return co_await file->sync();
}
}  // namespace

Task<Status> File::write_durable(std::uint64_t offset, std::span<const ByteView> pieces) {
  CO_RETURN_IF_ERROR(co_await write_at(offset, pieces));
  auto synced = co_await sync();
  if (synced.is(Code::no_space)) co_return Error(Code::io_error, "no space left while syncing");
  co_return synced;
}

Task<Result<ByteVector>> read_file(Disk& disk, std::string path, std::size_t bytes_max) {
  OpenOptions options;
  options.read_only = true;
  CO_ASSIGN_OR_RETURN(auto file, co_await disk.open(path, options));
  CO_ASSIGN_OR_RETURN(std::uint64_t size, co_await file->size());
  if (size > bytes_max)
    co_return Error(Code::too_large, path + " has more than " + std::to_string(bytes_max) + " bytes");
  ByteVector content(static_cast<std::size_t>(size));
  CO_ASSIGN_OR_RETURN(std::size_t got, co_await file->read_at(0, content));
  content.resize(got);
  co_return content;
}

Task<Status> replace_file(Disk& disk, std::string path, ByteVector content) {
  std::string fresh = path + ".new";
  auto written = co_await write_new_file(disk, fresh, content);
  if (!written.ok()) {
    auto removed = co_await disk.remove(fresh);
    static_cast<void>(removed);  // the first failure is the one to tell
    co_return written;
  }
  CO_RETURN_IF_ERROR(co_await disk.rename(fresh, path));
  std::string directory = parent_directory(path);
  co_return co_await disk.sync_directory(directory);
}

}  // namespace vortex
