#include "base/settings.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "base/nearest.h"
#include "base/units.h"

namespace vortex {

namespace {
Error wrong_setting(std::string_view name, std::string_view why) {
  return Error(Code::bad_config, "setting \"" + std::string(name) + "\": " + std::string(why));
}

std::string range_text(const std::string& value, const std::string& least, const std::string& most) {
  return value + " is not in the range from " + least + " to " + most;
}

// The library's words without its own error numbers.
std::string json_complaint(const std::string& what) {
  std::size_t end = what.find("] ");
  return end == std::string::npos ? what : what.substr(end + 2);
}
}  // namespace

void Settings::add(Setting setting) {
  CHECK_MSG(find(setting.name) == nullptr, setting.name + " is declared twice");
  settings_.push_back(std::move(setting));
}

void Settings::text(std::string name, std::string& value, std::string help, Check check) {
  Setting setting{std::move(name), "TEXT", value, std::move(help), Kind::text, Check(), Origin::initial};
  setting.parse = [&value, check = std::move(check)](const std::string& given) mutable -> Status {
    if (check) RETURN_IF_ERROR(check(given));
    value = given;
    return Status();
  };
  add(std::move(setting));
}

void Settings::flag(std::string name, bool& value, std::string help) {
  Setting setting{std::move(name), "", value ? "true" : "", std::move(help), Kind::flag, Check(), Origin::initial};
  setting.parse = [&value](const std::string& given) -> Status {
    if (given != "true" && given != "false") return Error(Code::bad_config, "\"" + given + "\" is not true or false");
    value = given == "true";
    return Status();
  };
  add(std::move(setting));
}

void Settings::add_number(std::string name, std::int64_t initial, std::int64_t least, std::int64_t most,
                          std::string help, UniqueFunction<void(std::int64_t)> store) {
  Setting setting{std::move(name), "NUMBER", std::to_string(initial), std::move(help),
                  Kind::number,    Check(),  Origin::initial};
  setting.parse = [least, most, store = std::move(store)](const std::string& given) mutable -> Status {
    std::int64_t number = 0;
    auto [end, failure] = std::from_chars(given.data(), given.data() + given.size(), number);
    if (failure != std::errc() || end != given.data() + given.size())
      return Error(Code::bad_config, "\"" + given + "\" is not a whole number");
    if (number < least || number > most)
      return Error(Code::bad_config, range_text(given, std::to_string(least), std::to_string(most)));
    store(number);
    return Status();
  };
  add(std::move(setting));
}

void Settings::duration(std::string name, Duration& value, Duration least, Duration most, std::string help) {
  Setting setting{std::move(name), "DURATION", format_duration(value), std::move(help),
                  Kind::quantity,  Check(),    Origin::initial};
  setting.parse = [&value, least, most](const std::string& given) -> Status {
    ASSIGN_OR_RETURN(Duration parsed, parse_duration(given));
    if (parsed < least || parsed > most)
      return Error(Code::bad_config, range_text(given, format_duration(least), format_duration(most)));
    value = parsed;
    return Status();
  };
  add(std::move(setting));
}

void Settings::size(std::string name, std::uint64_t& value, std::uint64_t least, std::uint64_t most, std::string help) {
  Setting setting{std::move(name), "SIZE",  format_size(value), std::move(help),
                  Kind::quantity,  Check(), Origin::initial};
  setting.parse = [&value, least, most](const std::string& given) -> Status {
    ASSIGN_OR_RETURN(std::uint64_t parsed, parse_size(given));
    if (parsed < least || parsed > most)
      return Error(Code::bad_config, range_text(given, format_size(least), format_size(most)));
    value = parsed;
    return Status();
  };
  add(std::move(setting));
}

void Settings::address(std::string name, Address& value, std::string help) {
  std::string initial = value.host.empty() ? "" : value.to_string();
  Setting setting{std::move(name), "HOST:PORT", std::move(initial), std::move(help),
                  Kind::text,      Check(),     Origin::initial};
  setting.parse = [&value](const std::string& given) -> Status {
    ASSIGN_OR_RETURN(value, Address::parse(given));
    return Status();
  };
  add(std::move(setting));
}

void Settings::add_choice(std::string name, std::vector<std::string> words, std::size_t initial, std::string help,
                          UniqueFunction<void(std::size_t)> store) {
  std::string listed;
  for (const std::string& word : words) listed.append(listed.empty() ? "" : "|").append(word);
  Setting setting{std::move(name), listed, words[initial], std::move(help), Kind::text, Check(), Origin::initial};
  setting.parse = [words, listed, store = std::move(store)](const std::string& given) mutable -> Status {
    auto found = std::ranges::find(words, given);
    if (found != words.end()) {
      store(static_cast<std::size_t>(found - words.begin()));
      return Status();
    }
    auto meant = nearest(given, words);
    std::string hint = meant ? "; did you mean \"" + *meant + "\"?" : "";
    return Error(Code::bad_config, "\"" + given + "\" is none of " + listed + hint);
  };
  add(std::move(setting));
}

Settings::Setting* Settings::find(std::string_view name) {
  auto found = std::ranges::find(settings_, name, &Setting::name);
  return found == settings_.end() ? nullptr : &*found;
}

Error Settings::unknown(std::string_view name, std::string_view dashes) const {
  std::vector<std::string> names;
  for (const Setting& setting : settings_) names.push_back(setting.name);
  std::string why = "there is no such setting";
  if (auto meant = nearest(name, names)) why.append("; did you mean \"").append(dashes).append(*meant).append("\"?");
  return wrong_setting(std::string(dashes).append(name), why);
}

Status Settings::set(Setting& setting, const std::string& value, Origin origin) {
  Status parsed = setting.parse(value);
  if (!parsed.ok()) return wrong_setting(setting.name, parsed.error().message());
  setting.origin = origin;
  return Status();
}

Status Settings::read_json(std::string_view json, std::string_view source) {
  using Json = nlohmann::json;
  std::set<std::string> seen;
  std::string twice;
  auto note_key = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 && !seen.insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  Json object;
  try {
    object = Json::parse(json, note_key);
  } catch (const Json::exception& failure) {
    return Error(Code::bad_config, std::string(source) + ": " + json_complaint(failure.what()));
  }
  if (!object.is_object()) return Error(Code::bad_config, std::string(source) + ": it must be one object, {…}");
  if (!twice.empty()) return wrong_setting(twice, "it is there twice").in(source);
  for (const auto& [name, value] : object.items()) {
    Setting* setting = find(name);
    if (setting == nullptr) return unknown(name, "").in(source);
    const char* wanted = nullptr;
    if (setting->kind == Kind::flag && !value.is_boolean()) wanted = "true or false";
    if (setting->kind == Kind::text && !value.is_string()) wanted = "text in quotes";
    if (setting->kind == Kind::number && !value.is_number_integer()) wanted = "a whole number";
    if (setting->kind == Kind::quantity && !value.is_string() && !value.is_number())
      wanted = "a number or text with a unit";
    if (wanted != nullptr) return wrong_setting(name, std::string("it must be ") + wanted).in(source);
    if (setting->origin == Origin::command_line) continue;
    Status done = set(*setting, value.is_string() ? value.get<std::string>() : value.dump(), Origin::file);
    if (!done.ok()) return std::move(done).error().in(source);
  }
  return Status();
}

Result<std::vector<std::string>> Settings::read_arguments(std::span<const std::string> arguments) {
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument == "--") {
      rest.insert(rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
    if (!argument.starts_with("--")) {
      rest.emplace_back(argument);
      continue;
    }
    std::size_t equals = argument.find('=');
    bool has_value = equals != std::string_view::npos;
    std::string_view name = argument.substr(2, has_value ? equals - 2 : equals);
    Setting* setting = find(name);
    if (setting == nullptr) return unknown(name, "--");
    std::string value(has_value ? argument.substr(equals + 1) : "true");
    if (!has_value && setting->kind != Kind::flag) {
      if (i + 1 == arguments.size() || arguments[i + 1].starts_with("--"))
        return wrong_setting(name, "its value is missing, write --" + setting->name + " " + setting->value_name);
      value = arguments[++i];
    }
    RETURN_IF_ERROR(set(*setting, value, Origin::command_line));
  }
  return rest;
}

std::vector<std::string> Settings::arguments_of(int argc, const char* const* argv) {
  return std::vector<std::string>(argv + std::min(argc, 1), argv + argc);
}

bool Settings::given(std::string_view name) const {
  auto found = std::ranges::find(settings_, name, &Setting::name);
  CHECK_MSG(found != settings_.end(), std::string(name) + " was never declared");
  return found->origin != Origin::initial;
}

std::string Settings::help() const {
  constexpr std::size_t kColumn = 34;
  std::string text;
  for (const Setting& setting : settings_) {
    std::string line = "  --" + setting.name;
    if (!setting.value_name.empty()) line.append(" ").append(setting.value_name);
    line.append(line.size() < kColumn ? kColumn - line.size() : 2, ' ').append(setting.help);
    if (!setting.initial.empty()) line.append(" (").append(setting.initial).append(")");
    text.append(line).append("\n");
  }
  return text;
}

}  // namespace vortex
