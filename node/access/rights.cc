#include "node/access/rights.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/limits.h"
#include "node/files/path.h"

namespace vortex::node {

namespace {

constexpr std::array<std::pair<char, Permission>, 3> kLetters = {
    {{'r', Permission::read}, {'w', Permission::write}, {'a', Permission::admin}}};

bool covers(std::string_view prefix, std::string_view path) {
  if (prefix == "/") return true;
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool has(const AccessRule& rule, Permission permission) {
  return (rule.permissions & static_cast<std::uint8_t>(permission)) != 0;
}

Error wrong_rule(std::string_view text, const std::string& why) {
  return Error(Code::invalid_argument, "access rule \"" + std::string(text) + "\": " + why);
}

}  // namespace

Rights Rights::everything() {
  AccessRule rule;
  rule.permissions = kPermissionsAll;
  return Rights({rule});
}

bool Rights::allow(Permission permission, std::string_view path) const {
  auto permits = [&](const AccessRule& rule) { return has(rule, permission) && covers(rule.prefix, path); };
  return std::ranges::any_of(rules_, permits);
}

bool Rights::lead_through(std::string_view path) const {
  auto leads = [&](const AccessRule& rule) {
    return rule.permissions != 0 && (covers(path, rule.prefix) || covers(rule.prefix, path));
  };
  return std::ranges::any_of(rules_, leads);
}

bool Rights::reveal(std::string_view from, std::string_view to) const {
  if (allow(Permission::read, from)) return false;
  if (allow(Permission::read, to)) return true;
  // Neither can be read whole: a part of it that can be read there must be one that can be read here.
  auto reveals = [&](const AccessRule& rule) {
    if (!has(rule, Permission::read) || !covers(to, rule.prefix)) return false;
    const std::string_view rest = std::string_view(rule.prefix).substr(to == "/" ? 0 : to.size());
    return !allow(Permission::read, std::string(from == "/" ? "" : from).append(rest));
  };
  return std::ranges::any_of(rules_, reveals);
}

Result<AccessRule> parse_access_rule(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return wrong_rule(text, "it has the form LETTERS:PATH, as in rw:/photos");
  AccessRule rule;
  for (char letter : text.substr(0, colon)) {
    auto known = std::ranges::find(kLetters, letter, [](const auto& each) { return each.first; });
    if (known == kLetters.end()) return wrong_rule(text, std::string("there is no permission '") + letter + "'");
    rule.permissions |= static_cast<std::uint8_t>(known->second);
  }
  if (rule.permissions == 0) return wrong_rule(text, "it permits nothing; r, w and a are read, write and admin");
  rule.prefix = text.substr(colon + 1);
  if (!rule.prefix.starts_with('/')) return wrong_rule(text, "the path does not begin with /");
  if (rule.prefix.size() > kPathMax) return wrong_rule(text, "the path is too long");
  // As paths are written when rules are asked about them.
  auto path = Path::parse(rule.prefix);
  if (!path.ok()) return wrong_rule(text, std::string(path.error().message()));
  rule.prefix = path->to_string();
  if (has(rule, Permission::admin) && rule.prefix != "/")
    return wrong_rule(text, "administration is of the whole cluster: give it for /");
  return rule;
}

std::string to_string(const AccessRule& rule) {
  std::string text;
  for (const auto& [letter, permission] : kLetters)
    if (has(rule, permission)) text += letter;
  return text + ":" + rule.prefix;
}

}  // namespace vortex::node
