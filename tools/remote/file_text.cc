#include "tools/remote/file_text.h"

#include <array>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/bytes.h"

namespace vortex::remote {

Error about(const std::string& what, const Error& error) {
  return Error(error.code(), what + ": " + std::string(error.message()));
}

std::string below(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

std::string last_name(const std::string& path) {
  std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return "";
  std::size_t slash = path.rfind('/', end);
  std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  return path.substr(begin, end + 1 - begin);
}

std::string time_text(node::FileTime time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::time_t whole = static_cast<std::time_t>(time >= 0 ? time / kSecond : (time - kSecond + 1) / kSecond);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string mode_text(const node::Inode& inode) {
  std::string text = "-rwxrwxrwx";
  if (inode.type == node::FileType::directory) text[0] = 'd';
  if (inode.type == node::FileType::symlink) text[0] = 'l';
  for (std::size_t bit = 0; bit < 9; ++bit)
    if ((inode.attributes.mode >> (8 - bit) & 1) == 0) text[bit + 1] = '-';
  return text;
}

std::string_view type_text(node::FileType type) {
  switch (type) {
    case node::FileType::regular:
      return "file";
    case node::FileType::directory:
      return "directory";
    case node::FileType::symlink:
      return "symlink";
  }
  return "";
}

std::string printable(const std::string& name) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (char c : name) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 32 && byte != 127 && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

nlohmann::json file_json(const std::string& path, const node::Inode& inode) {
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", inode.attributes.mode & node::kModeMask);
  nlohmann::json json = {{"path", path},
                         {"type", type_text(inode.type)},
                         {"size", inode.size},
                         {"version", inode.version},
                         {"etag", to_hex(inode.etag)},
                         {"mtime", static_cast<double>(inode.attributes.modified) / 1e9},
                         {"mode", mode.data()},
                         {"uid", inode.attributes.uid},
                         {"gid", inode.attributes.gid},
                         {"links", inode.links}};
  if (inode.type == node::FileType::symlink) json["target"] = inode.target;
  std::uint64_t chunks = 0;
  if (inode.manifest)
    for (const chunker::Record& record : inode.manifest->records)
      chunks += chunker::record_extents(inode.manifest->level, record);
  json["chunks"] = chunks;
  if (inode.policy)
    json["policy"] = {{"replicas", inode.policy->replicas},
                      {"min_replicas", inode.policy->replicas_min},
                      {"inline_max", inode.policy->inline_max}};
  else
    json["policy"] = nullptr;
  return json;
}

}  // namespace vortex::remote
