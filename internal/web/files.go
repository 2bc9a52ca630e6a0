package web

import (
	"io"
	"net/http"
	"strings"

	"github.com/ingotvm/ingot/internal/config/setting/tlspem"
)

// filePrefix begins the name of a field whose file is an answer to the field
// of the rest of the name.
const filePrefix = "file:"

// readForm reads what a form sends. A file that was chosen takes the place of
// what is in the text field beside it.
func readForm(r *http.Request) error {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return r.ParseForm()
	}
	if err := r.ParseMultipartForm(maxForm); err != nil { // all of it in memory: the body is no longer
		return err
	}
	for name, files := range r.MultipartForm.File {
		key, ok := strings.CutPrefix(name, filePrefix)
		if !ok || files[0].Size == 0 {
			continue
		}
		file, err := files[0].Open()
		if err != nil {
			return err
		}
		defer file.Close()
		data, err := io.ReadAll(file)
		if err != nil {
			return err
		}
		r.PostForm.Set(key, tlspem.Text(data))
	}
	return nil
}

// fileField is a field for a file, beside the one of a key.
type fileField struct{ Key, Label string }

// File is what the template of a file is given.
func (f frame) File(key, label string) fileField { return fileField{key, f.T(label)} }
