#include "node/files/path.h"

#include <algorithm>

#include "base/limits.h"

namespace vortex::node {

namespace {

Status check_whole(std::string_view text) {
  if (text.empty()) return Error(Code::invalid_path, "a path must not be empty");
  if (text.size() > kPathMax)
    return Error(Code::invalid_path, "a path has at most " + std::to_string(kPathMax) + " bytes, this one has " +
                                         std::to_string(text.size()));
  if (text.find('\0') != std::string_view::npos) return Error(Code::invalid_path, "a path must not hold a NUL byte");
  return Status();
}

// Components without "." and empty ones.
Result<std::vector<std::string>> split(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('/'), text.size());
    std::string_view name = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name.empty() || name == ".") continue;
    if (name != "..") RETURN_IF_ERROR(check_name(name));
    names.emplace_back(name);
  }
  return names;
}

// "a/" and "a/." can only be directories.
bool ends_as_directory(std::string_view text) {
  return text.ends_with('/') || text == "." || text.ends_with("/.") || text == ".." || text.ends_with("/..");
}

}  // namespace

Status check_name(std::string_view name) {
  if (name.empty()) return Error(Code::invalid_path, "a name must not be empty");
  if (name == "." || name == "..") return Error(Code::invalid_path, "\".\" and \"..\" name no entry of their own");
  if (name.size() > kNameMax)
    return Error(Code::invalid_path, "a name has at most " + std::to_string(kNameMax) + " bytes, \"" +
                                         std::string(name.substr(0, 20)) + "...\" has " + std::to_string(name.size()));
  if (name.find('\0') != std::string_view::npos) return Error(Code::invalid_path, "a name must not hold a NUL byte");
  if (name.find('/') != std::string_view::npos) return Error(Code::invalid_path, "a name must not hold a slash");
  return Status();
}

Result<Path> Path::parse(std::string_view text) {
  RETURN_IF_ERROR(check_whole(text));
  ASSIGN_OR_RETURN(std::vector<std::string> names, split(text));
  if (std::find(names.begin(), names.end(), "..") != names.end())
    return Error(Code::invalid_path, "a path must not hold \"..\"");
  Path path;
  path.names = std::move(names);
  path.directory = ends_as_directory(text);
  return path;
}

std::string Path::to_string() const {
  if (names.empty()) return "/";
  std::string text;
  for (const std::string& name : names) text.append("/").append(name);
  return text;
}

bool Path::covers(const Path& other) const {
  return names.size() <= other.names.size() && std::equal(names.begin(), names.end(), other.names.begin());
}

Result<LinkTarget> LinkTarget::parse(std::string_view text) {
  RETURN_IF_ERROR(check_whole(text));
  ASSIGN_OR_RETURN(std::vector<std::string> names, split(text));
  LinkTarget target;
  target.names = std::move(names);
  target.absolute = text.starts_with('/');
  target.directory = ends_as_directory(text);
  return target;
}

}  // namespace vortex::node
