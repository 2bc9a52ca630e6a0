// Command pocketbase is PocketBase as it comes, built here so that the
// appliance holds exactly the version in go.mod. The appliance's settings give
// it its first superuser.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

func main() {
	app := pocketbase.New()
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		if err := setSuperuser(e.App, os.Getenv("SUPERUSER_EMAIL"), os.Getenv("SUPERUSER_PASSWORD")); err != nil {
			return fmt.Errorf("cannot set the superuser: %w", err)
		}
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

// setSuperuser sees that there is a superuser with that password. The settings
// count: a password that was changed elsewhere is set back.
func setSuperuser(app core.App, email, password string) error {
	if email == "" || password == "" {
		return nil
	}
	superuser, err := app.FindAuthRecordByEmail(core.CollectionNameSuperusers, email)
	if err != nil { // there is none yet
		superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
		if err != nil {
			return err
		}
		superuser = core.NewRecord(superusers)
		superuser.SetEmail(email)
	} else if superuser.ValidatePassword(password) {
		return nil
	}
	superuser.SetPassword(password)
	return app.Save(superuser)
}
