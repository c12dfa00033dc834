// Where a command puts its results: lines for people, or one JSON object for programs.
#pragma once

#include <iosfwd>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vortex::cli {

class Output {
 public:
  Output(bool json, std::ostream& out, std::ostream& err);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Does the user want JSON? Then text() prints nothing and put() collects.
  bool json() const { return json_; }
  void text(std::string_view lines);
  // A member of the one object that is printed at the end. Nothing when people read.
  void put(const std::string& name, nlohmann::json value);
  // All members of an object that somebody else has written as JSON text.
  void put_all(std::string_view json_object);
  // What the user may do about the error that the command is about to return.
  void hint(std::string text) { hint_ = std::move(text); }
  bool has_hint() const { return !hint_.empty(); }

  // Prints what was collected and, on failure, why and what to do. Returns the exit status. Last call.
  int finish(const Status& status);

 private:
  bool json_;
  std::ostream& out_;
  std::ostream& err_;
  std::string hint_;
  std::unique_ptr<nlohmann::json> object_;
};

}  // namespace vortex::cli
