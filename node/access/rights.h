// What an access key permits: reading, writing and administration, each below certain paths.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "base/result.h"
#include "net/secure.h"

namespace vortex::node {

enum class Permission : std::uint8_t {
  read = 1,
  write = 2,  // does not imply reading: a drop box
  admin = 4,  // of the cluster: nodes, keys, tokens; counts only at "/"
};

inline constexpr std::uint8_t kPermissionsAll = 7;
inline constexpr std::size_t kAccessRulesMax = 64;

// `prefix` is a path: it covers itself and everything below it, not names that merely begin alike.
struct AccessRule {
  std::string prefix = "/";
  std::uint8_t permissions = 0;
  bool operator==(const AccessRule&) const = default;
  VORTEX_FIELDS(prefix, permissions)
};

class Rights final : public net::AccessRights {
 public:
  explicit Rights(std::vector<AccessRule> rules) : rules_(std::move(rules)) {}
  static Rights everything();

  // May this be done to what the (absolute, normal) path names? A rule that covers it suffices.
  bool allow(Permission permission, std::string_view path) const;
  // May the path be walked through, because something below it is permitted?
  bool lead_through(std::string_view path) const;
  // Would something that may not be read at `from`, or below it, be readable at `to`?
  bool reveal(std::string_view from, std::string_view to) const;
  bool administer() const { return allow(Permission::admin, "/"); }
  const std::vector<AccessRule>& rules() const { return rules_; }

 private:
  std::vector<AccessRule> rules_;
};

// "rw:/photos", "r:/", "rwa:/". The error says what is wrong.
Result<AccessRule> parse_access_rule(std::string_view text);
std::string to_string(const AccessRule& rule);

}  // namespace vortex::node
