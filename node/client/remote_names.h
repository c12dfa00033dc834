// The names of the file system, asked of a member over the network. Every change is named, so that it is made once
// though it may be sent several times.
#pragma once

#include <string>
#include <vector>

#include "node/client/remote_files.h"

namespace vortex::node {

class RemoteNames {
 public:
  RemoteNames(Env& env, RemoteFiles& files) : env_(env), files_(files) {}

  Task<Result<Inode>> stat(std::string path, bool follow, Duration timeout);
  struct Named {
    std::string name;
    Inode inode;
  };
  struct Listing {
    std::vector<Named> entries;  // by name
    bool more = false;           // go on behind the last name
  };
  Task<Result<Listing>> list(std::string path, std::string after, std::uint32_t max, Duration timeout);
  // With all that is missing above where `above` is set; then one that is there is no error.
  Task<Result<Inode>> make_directory(std::string path, bool above, Attributes attributes, Duration timeout);
  Task<Result<Inode>> make_symlink(std::string target, std::string path, Attributes attributes, Duration timeout);
  Task<Result<Inode>> link(std::string path, std::string to, Duration timeout);
  Task<Result<Inode>> copy(std::string path, std::string to, Duration timeout);
  Task<Status> rename(std::string path, std::string to, bool no_replace, Duration timeout);
  // `follow`: a symbolic link at the end.
  Task<Result<Inode>> set(std::string path, bool follow, AttributeChange attributes, Duration timeout);
  Task<Status> remove(std::string path, net::RemoveWhat what, Duration timeout);
  // A directory with all that is in it, as long as that takes: `timeout` is for each step. Returns how many entries
  // there were.
  Task<Result<std::uint64_t>> remove_tree(std::string path, Duration timeout);

  // With a name of its own.
  Change change(Duration timeout);

 private:
  Env& env_;
  RemoteFiles& files_;
};

}  // namespace vortex::node
