#include "tests/unit/node/local_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/check.h"

namespace vortex::node {

namespace {

Error error_of(int number) {
  switch (number) {
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::exists;
    case ENOTEMPTY:
      return Code::not_empty;
    case EISDIR:
      return Code::is_directory;
    case ENOTDIR:
      return Code::not_directory;
    case EINVAL:
      return Code::invalid_argument;
    case ELOOP:
    case ENAMETOOLONG:
      return Code::invalid_path;
    case EBUSY:
      return Code::in_use;
    // Of link(): a directory cannot have a second name.
    case EPERM:
      return Code::is_directory;
    default:
      return Error(Code::failed, "errno " + std::to_string(number));
  }
}

Status done(int result) {
  if (result != 0) return error_of(errno);
  return Status();
}

}  // namespace

LocalTree::LocalTree() {
  const char* folder = std::getenv("VORTEX_LOCAL_TREE");
  std::string pattern = std::string(folder ? folder : "/tmp") + "/vortex-local-tree-XXXXXX";
  CHECK(::mkdtemp(pattern.data()) != nullptr);
  base_ = pattern;
}

LocalTree::~LocalTree() {
  std::error_code ignored;
  std::filesystem::remove_all(base_, ignored);
}

Status LocalTree::put(const std::string& path, const std::string& content, bool absent) {
  int fd = ::open(at(path).c_str(), O_WRONLY | O_CREAT | (absent ? O_EXCL : O_TRUNC), 0644);
  if (fd < 0) return error_of(errno);
  CHECK(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  ::close(fd);
  return Status();
}

Result<std::string> LocalTree::read(const std::string& path) {
  int fd = ::open(at(path).c_str(), O_RDONLY);
  if (fd < 0) return error_of(errno);
  std::string content(4096, '\0');
  ssize_t size = ::read(fd, content.data(), content.size());
  int number = errno;
  ::close(fd);
  if (size < 0) return error_of(number);
  content.resize(static_cast<std::size_t>(size));
  return content;
}

Result<LocalNode> LocalTree::stat(const std::string& path, bool follow) {
  struct stat found {};
  int result = follow ? ::stat(at(path).c_str(), &found) : ::lstat(at(path).c_str(), &found);
  if (result != 0) return error_of(errno);
  LocalNode node;
  if (S_ISDIR(found.st_mode)) node.type = FileType::directory;
  if (S_ISLNK(found.st_mode)) node.type = FileType::symlink;
  node.size = static_cast<std::uint64_t>(found.st_size);
  node.links = static_cast<std::uint32_t>(found.st_nlink);
  node.mode = found.st_mode & kModeMask;
  node.modified = found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec;
  if (node.type == FileType::symlink) {
    node.content.resize(4096);
    ssize_t size = ::readlink(at(path).c_str(), node.content.data(), node.content.size());
    node.content.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  }
  return node;
}

Result<std::string> LocalTree::list(const std::string& path) {
  DIR* directory = ::opendir(at(path).c_str());
  if (!directory) return error_of(errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(directory);
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += name + "/";
  return text;
}

Status LocalTree::mkdir(const std::string& path) { return done(::mkdir(at(path).c_str(), 0755)); }
Status LocalTree::rmdir(const std::string& path) { return done(::rmdir(at(path).c_str())); }
Status LocalTree::unlink(const std::string& path) { return done(::unlink(at(path).c_str())); }
Status LocalTree::rename(const std::string& from, const std::string& to) {
  return done(::rename(at(from).c_str(), at(to).c_str()));
}
Status LocalTree::link(const std::string& from, const std::string& to) {
  return done(::link(at(from).c_str(), at(to).c_str()));
}
Status LocalTree::symlink(const std::string& target, const std::string& path) {
  return done(::symlink(target.c_str(), at(path).c_str()));
}
Status LocalTree::chmod(const std::string& path, std::uint32_t mode) {
  return done(::chmod(at(path).c_str(), static_cast<mode_t>(mode)));
}
Status LocalTree::touch(const std::string& path, FileTime modified) {
  timespec times[2] = {{modified / 1'000'000'000, modified % 1'000'000'000},
                       {modified / 1'000'000'000, modified % 1'000'000'000}};
  return done(::utimensat(AT_FDCWD, at(path).c_str(), times, 0));
}

void LocalTree::walk(const std::string& path, std::map<std::string, LocalNode>& out) {
  auto names = list(path.empty() ? "/" : path);
  CHECK(names.ok());
  for (std::size_t begin = 0; begin < names->size();) {
    std::size_t end = names->find('/', begin);
    std::string below = path + "/" + names->substr(begin, end - begin);
    begin = end + 1;
    auto node = stat(below, false);
    CHECK(node.ok());
    if (node->type == FileType::regular) node->content = *read(below);
    if (node->type == FileType::directory) walk(below, out);
    out[below] = *node;
  }
}

std::map<std::string, LocalNode> LocalTree::all() {
  std::map<std::string, LocalNode> out;
  walk("", out);
  return out;
}

}  // namespace vortex::node
