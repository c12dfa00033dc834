// Paths as users and symbolic links write them. There is no current directory: every path begins at the root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vortex::node {

struct Path {
  std::vector<std::string> names;  // from the root; none is empty, "." or ".."
  bool directory = false;          // it ended in a slash: what it names must be a directory

  // `invalid_path`, naming the rule that was broken.
  static Result<Path> parse(std::string_view text);

  bool root() const { return names.empty(); }
  std::string to_string() const;
  // This path, or one below it?
  bool covers(const Path& other) const;
};

// One component: not empty, "." or "..", no slash and no NUL, at most kNameMax bytes. Every other byte is legal.
Status check_name(std::string_view name);

// The components of a symbolic link's target; "..", unlike in paths, is one of them. An absolute target begins at the
// root, others at the directory of the link.
struct LinkTarget {
  std::vector<std::string> names;
  bool absolute = false;
  bool directory = false;

  static Result<LinkTarget> parse(std::string_view text);
};

}  // namespace vortex::node
