// A program's settings: declared once, then read from a JSON file and from the command line under the same names.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/network.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unique_function.h"

namespace vortex {

// Each declaration binds a variable, which must outlive the Settings; what it holds then is the default. Names are
// written like-this. Whatever is wrong comes back as bad_config and names the setting.
class Settings {
 public:
  using Check = UniqueFunction<Status(const std::string& value)>;

  void text(std::string name, std::string& value, std::string help, Check check = Check());
  void flag(std::string name, bool& value, std::string help);
  template <class N>
  void number(std::string name, N& value, std::int64_t least, std::int64_t most, std::string help) {
    static_assert(std::is_integral_v<N> && !std::is_same_v<N, bool>);
    auto store = [&value](std::int64_t parsed) { value = static_cast<N>(parsed); };
    add_number(std::move(name), static_cast<std::int64_t>(value), least, most, std::move(help), store);
  }
  void duration(std::string name, Duration& value, Duration least, Duration most, std::string help);
  void size(std::string name, std::uint64_t& value, std::uint64_t least, std::uint64_t most, std::string help);
  void address(std::string name, Address& value, std::string help);
  template <class E>
  void choice(std::string name, E& value, std::vector<std::pair<std::string, E>> choices, std::string help) {
    std::vector<std::string> words;
    std::size_t chosen = 0;
    for (const auto& [word, meaning] : choices) {
      if (meaning == value) chosen = words.size();
      words.push_back(word);
    }
    auto store = [&value, choices](std::size_t index) { value = choices[index].second; };
    add_choice(std::move(name), std::move(words), chosen, std::move(help), store);
  }

  // What the command line says is not changed by a file, in whichever order the two are read. `source` is the name
  // that errors begin with.
  Status read_json(std::string_view json, std::string_view source);
  // --name value, --name=value, --flag, --flag=false. Returns the arguments that are no settings; behind a bare "--"
  // nothing is one.
  Result<std::vector<std::string>> read_arguments(std::span<const std::string> arguments);
  static std::vector<std::string> arguments_of(int argc, const char* const* argv);

  // Was it said, in a file or on the command line?
  bool given(std::string_view name) const;
  // One line for each, with its default and its range.
  std::string help() const;

 private:
  enum class Kind : std::uint8_t { text, flag, number, quantity };
  enum class Origin : std::uint8_t { initial, file, command_line };
  struct Setting {
    std::string name, value_name, initial, help;
    Kind kind = Kind::text;
    Check parse;  // and store
    Origin origin = Origin::initial;
  };

  void add(Setting setting);
  void add_number(std::string name, std::int64_t initial, std::int64_t least, std::int64_t most, std::string help,
                  UniqueFunction<void(std::int64_t)> store);
  void add_choice(std::string name, std::vector<std::string> words, std::size_t initial, std::string help,
                  UniqueFunction<void(std::size_t)> store);
  Setting* find(std::string_view name);
  Error unknown(std::string_view name, std::string_view dashes) const;
  static Status set(Setting& setting, const std::string& value, Origin origin);

  std::vector<Setting> settings_;
};

}  // namespace vortex
