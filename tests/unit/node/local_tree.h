// The operating system's own file system, called as the namespace is: what POSIX means is what it does.
#pragma once

#include <map>
#include <string>

#include "node/files/inode.h"

namespace vortex::node {

struct LocalNode {
  FileType type = FileType::regular;
  std::uint64_t size = 0;
  std::uint32_t links = 1, mode = 0;
  FileTime modified = 0;
  std::string content;  // or where a link leads
};

// Errors by our names. Everything is below a directory of its own, which goes with it.
class LocalTree {
 public:
  LocalTree();
  ~LocalTree();
  LocalTree(const LocalTree&) = delete;
  LocalTree& operator=(const LocalTree&) = delete;

  Status put(const std::string& path, const std::string& content, bool absent);
  Result<std::string> read(const std::string& path);
  Result<LocalNode> stat(const std::string& path, bool follow);
  Result<std::string> list(const std::string& path);
  Status mkdir(const std::string& path);
  Status rmdir(const std::string& path);
  Status unlink(const std::string& path);
  Status rename(const std::string& from, const std::string& to);
  Status link(const std::string& from, const std::string& to);
  Status symlink(const std::string& target, const std::string& path);
  Status chmod(const std::string& path, std::uint32_t mode);
  Status touch(const std::string& path, FileTime modified);
  // Everything in it, by path.
  std::map<std::string, LocalNode> all();

 private:
  std::string at(const std::string& path) const { return base_ + path; }
  void walk(const std::string& path, std::map<std::string, LocalNode>& out);
  std::string base_;
};

}  // namespace vortex::node
