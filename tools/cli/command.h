// A command of the `vortex` program, declared: its words, its flags and what runs. Help, parsing and suggestions all
// come from the declaration.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vortex::cli {

class Output;

struct Flag {
  std::string name;   // "--seconds"
  std::string value;  // how help calls its value; empty: a switch that takes none
  std::string help;
  char letter = 0;  // 's' for -s; 0: none
};

// What was typed behind the command's words, already checked against its flags.
class Invocation {
 public:
  std::vector<std::string> arguments;

  bool has(std::string_view flag) const { return flags_.contains(flag); }
  // The last value given.
  std::optional<std::string> text(std::string_view flag) const;
  // An error that names the flag when the value is no finite number of at least `least`.
  Result<double> number(std::string_view flag, double fallback, double least) const;
  // Nothing when the flag was not given; exact, also beyond what a double holds.
  Result<std::optional<std::uint64_t>> whole_number(std::string_view flag) const;

  void set(const std::string& flag, std::string value) { flags_[flag] = std::move(value); }

 private:
  std::map<std::string, std::string, std::less<>> flags_;
};

struct Command {
  static constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

  std::string name;       // "wal inspect"
  std::string group;      // the heading in the list of commands
  std::string arguments;  // how help calls them: "DIR", "SRC… DST"
  std::size_t arguments_min = 0;
  std::size_t arguments_max = 0;
  std::string summary;  // one line
  std::string details;  // more lines for its own help; may be empty
  std::vector<Flag> flags;
  std::function<Status(const Invocation&, Output&)> run;
};

// Flags that every command takes: which cluster to talk to, and how to print.
const std::vector<Flag>& global_flags();

// The whole program: finds the command, runs it, prints what it put out or why it failed. Returns the exit status by
// the table of errors.
int run(const std::vector<Command>& commands, const std::vector<std::string>& words, std::ostream& out,
        std::ostream& err);

}  // namespace vortex::cli
