// Files and paths as they are printed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "node/files/inode.h"

namespace vortex::remote {

// The error with what it is about in front.
Error about(const std::string& what, const Error& error);

// "/a/b" and "c" are "/a/b/c"; the last name of "/a/b/" is "b".
std::string below(const std::string& directory, const std::string& name);
std::string last_name(const std::string& path);

// "2026-11-20 10:26:37", in UTC.
std::string time_text(node::FileTime time);
// "drwxr-xr-x".
std::string mode_text(const node::Inode& inode);
std::string_view type_text(node::FileType type);
// Control characters and backslashes as \xHH, so that a name cannot do things to a terminal.
std::string printable(const std::string& name);

// The fields of `stat --json`.
nlohmann::json file_json(const std::string& path, const node::Inode& inode);

}  // namespace vortex::remote
