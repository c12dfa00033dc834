#include "tools/remote/local_link.h"

#include <filesystem>

#include "tools/remote/file_text.h"

namespace vortex::remote {

namespace {

namespace fs = std::filesystem;

// In the same directory, until it is renamed.
std::string temporary_beside(Random& random, const std::string& path) {
  return path.substr(0, path.rfind('/') + 1) + ".vortex-" + random.id().hex().substr(0, 12);
}

}  // namespace

Task<Status> store_link(Remote& to, std::string source, std::string path, bool if_absent) {
  std::error_code error;
  std::string target = fs::read_symlink(source, error).string();
  if (error) co_return Error(Code::io_error, "cannot read " + source + ": " + error.message());
  node::Attributes attributes;
  attributes.mode = 0777;
  auto made = co_await to.names.make_symlink(target, path, attributes, to.timeout);
  if (made.ok()) co_return Status();
  if (if_absent || !made.is(Code::exists)) co_return about(path, made.error());
  auto there = co_await to.names.stat(path, false, to.timeout);
  bool same = there.ok() && there->type == node::FileType::symlink && there->target == target;
  if (same) co_return Status();
  std::string temporary = temporary_beside(to.env.random(), path);
  made = co_await to.names.make_symlink(target, temporary, attributes, to.timeout);
  if (!made.ok()) co_return about(path, made.error());
  Status renamed = co_await to.names.rename(temporary, path, false, to.timeout);
  if (renamed.ok()) co_return Status();
  (void)co_await to.names.remove(temporary, net::RemoveWhat::file, to.timeout);
  co_return about(path, renamed.error());
}

Status fetch_link(Random& random, const std::string& link_target, const std::string& here) {
  std::error_code error;
  auto wrong = [&] { return Error(Code::io_error, "cannot make " + here + ": " + error.message()); };
  fs::create_symlink(link_target, here, error);
  if (!error) return Status();
  if (error != std::errc::file_exists) return wrong();
  std::error_code unread;
  if (fs::read_symlink(here, unread) == link_target && !unread) return Status();
  std::string temporary = temporary_beside(random, here);
  error.clear();
  fs::create_symlink(link_target, temporary, error);
  if (error) return wrong();
  fs::rename(temporary, here, error);
  if (!error) return Status();
  fs::remove(temporary, unread);
  return wrong();
}

}  // namespace vortex::remote
