#include "tools/cli/parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace vortex::cli {

namespace {

// Letters wrong, missing, too many, or two exchanged.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before, above(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t(0));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), above[j] + 1, row[j - 1] + 1});
      bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string did_you_mean(const std::vector<std::string>& names, std::string otherwise) {
  if (names.empty()) return otherwise;
  std::string hint = "did you mean ";
  for (std::size_t i = 0; i < names.size(); ++i) hint += (i > 0 ? " or " : "") + ("'" + names[i] + "'");
  return hint + "?";
}

Mistake mistake(std::string message, std::string hint) {
  return {Error(Code::invalid_argument, std::move(message)), std::move(hint)};
}

std::string help_of(const Command& command) { return "see 'vortex help " + command.name + "'"; }

// How many of the words name this command: all words of its name, or 0.
std::size_t words_that_name(const Command& command, const std::vector<std::string>& words, std::size_t at) {
  std::string name;
  for (std::size_t count = 1; at + count <= words.size(); ++count) {
    name += (count > 1 ? " " : "") + words[at + count - 1];
    if (name == command.name) return count;
    if (name.size() >= command.name.size()) break;
  }
  return 0;
}

class Parser {
 public:
  Parser(const std::vector<Command>& commands, const std::vector<std::string>& words)
      : commands_(commands), words_(words) {}

  Parsed parse() {
    // Known before anything else can go wrong, so that a mistake is also told as JSON.
    auto end = std::find(words_.begin(), words_.end(), "--");
    parsed_.json = std::find(words_.begin(), end, "--json") != end;

    bool flags_ended = false;
    while (at_ < words_.size() && parsed_.mistake.empty()) {
      const std::string& word = words_[at_];
      if (flags_ended || word == "-" || !word.starts_with('-')) {
        take_word();
      } else if (word == "--") {
        flags_ended = true;
        ++at_;
      } else if (word.starts_with("--")) {
        take_long();
      } else {
        take_letters();
      }
    }
    check_arguments();
    return std::move(parsed_);
  }

 private:
  void fail(std::string message, std::string hint) {
    parsed_.mistake.push_back(mistake(std::move(message), std::move(hint)));
  }

  void take_word() {
    if (parsed_.command != nullptr) {
      parsed_.invocation.arguments.push_back(words_[at_++]);
      return;
    }
    std::size_t longest = 0;
    for (const Command& command : commands_) {
      std::size_t count = words_that_name(command, words_, at_);
      if (count <= longest) continue;
      longest = count;
      parsed_.command = &command;
    }
    if (longest == 0) return unknown_command();
    at_ += longest;
  }

  void unknown_command() {
    const std::string& first = words_[at_];
    std::vector<std::string> below, names;
    for (const Command& command : commands_) {
      names.push_back(command.name);
      if (command.name.starts_with(first + " ")) below.push_back(command.name);
    }
    if (!below.empty()) {
      std::string rest = at_ + 1 < words_.size() ? " " + words_[at_ + 1] : "";
      return fail("'" + first + rest + "' is no whole command", did_you_mean(below, ""));
    }
    std::vector<std::string> near = similar(first, names);
    if (near.empty() && at_ + 1 < words_.size()) near = similar(first + " " + words_[at_ + 1], names);
    fail("there is no command '" + first + "'", did_you_mean(near, "'vortex help' lists them all"));
  }

  const Flag* find(const std::function<bool(const Flag&)>& wanted) const {
    for (const Flag& flag : global_flags())
      if (wanted(flag)) return &flag;
    if (parsed_.command == nullptr) return nullptr;
    for (const Flag& flag : parsed_.command->flags)
      if (wanted(flag)) return &flag;
    return nullptr;
  }

  void unknown_flag(const std::string& name) {
    std::vector<std::string> names;
    find([&](const Flag& flag) {
      names.push_back(flag.name);
      return false;
    });
    bool before = parsed_.command == nullptr;
    fail(
        "unknown option " + name + (before ? "" : " for '" + parsed_.command->name + "'"),
        did_you_mean(similar(name, names), before ? "options of a command come behind it" : help_of(*parsed_.command)));
  }

  // --name, --name VALUE or --name=VALUE
  void take_long() {
    const std::string& word = words_[at_];
    std::size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    const Flag* flag = find([&](const Flag& it) { return it.name == name; });
    if (flag == nullptr) return unknown_flag(name);
    ++at_;
    if (flag->value.empty()) {
      if (equals != std::string::npos) return fail(name + " takes no value", "write just " + name);
      return note(*flag, "");
    }
    if (equals != std::string::npos) return note(*flag, word.substr(equals + 1));
    take_value(*flag);
  }

  // -a, -abc, -o VALUE or -oVALUE
  void take_letters() {
    const std::string word = words_[at_++];
    for (std::size_t i = 1; i < word.size(); ++i) {
      const Flag* flag = find([&](const Flag& it) { return it.letter == word[i]; });
      if (flag == nullptr) return unknown_flag(std::string("-") + word[i]);
      if (flag->value.empty()) {
        note(*flag, "");
        continue;
      }
      if (i + 1 < word.size()) return note(*flag, word.substr(i + 1));
      return take_value(*flag);
    }
  }

  void take_value(const Flag& flag) {
    if (at_ == words_.size()) return fail(flag.name + " needs a value: " + flag.name + " " + flag.value, "");
    note(flag, words_[at_++]);
  }

  void note(const Flag& flag, std::string value) {
    if (flag.name == "--help") parsed_.help = true;
    parsed_.invocation.set(flag.name, std::move(value));
  }

  void check_arguments() {
    if (!parsed_.mistake.empty() || parsed_.command == nullptr || parsed_.help) return;
    const Command& command = *parsed_.command;
    const auto& arguments = parsed_.invocation.arguments;
    if (arguments.size() < command.arguments_min) {
      fail("'" + command.name + "' needs " + command.arguments, help_of(command));
    } else if (arguments.size() > command.arguments_max) {
      fail("'" + command.name + "' does not expect '" + arguments[command.arguments_max] + "'", help_of(command));
    }
  }

  const std::vector<Command>& commands_;
  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  Parsed parsed_;
};

}  // namespace

std::vector<std::string> similar(const std::string& typed, const std::vector<std::string>& names) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& name : names) {
    std::size_t distance = edit_distance(typed, name);
    // A third of the letters wrong, or only the beginning typed.
    if (distance * 3 <= std::max(name.size(), std::size_t(3)))
      near.emplace_back(distance, name);
    else if (typed.size() >= 3 && name.starts_with(typed))
      near.emplace_back(name.size(), name);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> out;
  for (auto& [distance, name] : near) out.push_back(std::move(name));
  return out;
}

std::optional<std::string> Invocation::text(std::string_view flag) const {
  auto found = flags_.find(flag);
  if (found == flags_.end()) return std::nullopt;
  return found->second;
}

Result<double> Invocation::number(std::string_view flag, double fallback, double least) const {
  auto found = flags_.find(flag);
  if (found == flags_.end()) return fallback;
  const std::string& text = found->second;
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (text.empty() || end != text.c_str() + text.size() || !std::isfinite(value) || value < least) {
    std::string wanted = least > 0 ? "a positive number" : "a number that is not negative";
    return Error(Code::invalid_argument, std::string(flag) + " needs " + wanted + ", not '" + text + "'");
  }
  return value;
}

Result<std::optional<std::uint64_t>> Invocation::whole_number(std::string_view flag) const {
  auto found = flags_.find(flag);
  if (found == flags_.end()) return std::optional<std::uint64_t>();
  const std::string& text = found->second;
  std::uint64_t value = 0;
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc() || end != text.data() + text.size())
    return Error(Code::invalid_argument, std::string(flag) + " needs a whole number, not '" + text + "'");
  return std::optional(value);
}

Parsed parse(const std::vector<Command>& commands, const std::vector<std::string>& words) {
  return Parser(commands, words).parse();
}

}  // namespace vortex::cli
