package oidc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/ingotvm/ingot/internal/config/setting"
	"github.com/ingotvm/ingot/internal/config/setting/foreign"
)

// claims are what a provider says of somebody.
type claims map[string]any

// redeem gives a code to the provider, and is what it then says of whoever
// brought it.
func (c *Client) redeem(ctx context.Context, p *provider, f flow, code string) (claims, error) {
	token, err := p.config(f.Redirect).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode != "":
		c.opts.Log("the provider does not take the code of a log-in: %s %s", foreign.Line(refused.ErrorCode), foreign.Line(refused.ErrorDescription))
		return nil, &RefusedError{foreign.Line(refused.ErrorCode), foreign.Line(refused.ErrorDescription)}
	case err != nil:
		return nil, inWords(p.of.Issuer, err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, c.doubt("it holds no ID token")
	}
	id, err := p.Verifier(&oidc.Config{ClientID: p.of.ClientID, Now: c.opts.Now}).Verify(ctx, raw)
	if err != nil {
		return nil, c.doubt(foreign.Line(strings.TrimPrefix(err.Error(), "oidc: ")))
	}
	said := claims{}
	if err := id.Claims(&said); err != nil {
		return nil, c.doubt(foreign.Line(err.Error()))
	}
	if !same(f.Nonce, id.Nonce) {
		return nil, c.doubt("its token is of another log-in")
	}
	if party, ok := said["azp"]; (ok || len(id.Audience) > 1) && party != p.of.ClientID {
		return nil, c.doubt("its token is for another program")
	}
	return c.more(ctx, p, id, token, said)
}

// more asks the provider for what the token does not say of name and groups.
func (c *Client) more(ctx context.Context, p *provider, id *oidc.IDToken, token *oauth2.Token, said claims) (claims, error) {
	if said.find(p.of.Names()) != nil && said.find(p.of.Groups()) != nil || p.UserInfoEndpoint() == "" || token.AccessToken == "" {
		return said, nil
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, c.doubt("its access token is of another log-in")
		}
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, inWords(p.of.Issuer, err)
	}
	if info.Subject != id.Subject { // OpenID Connect Core 1.0, 5.3.2
		return nil, c.doubt("what it says is of somebody else")
	}
	also := claims{}
	if err := info.Claims(&also); err != nil {
		return nil, c.doubt(foreign.Line(err.Error()))
	}
	for key, value := range also {
		if _, ok := said[key]; !ok {
			said[key] = value
		}
	}
	return said, nil
}

// find is a claim by its name; dots lead into a claim that holds others.
func (c claims) find(name string) any {
	if value, ok := c[name]; ok {
		return value
	}
	var value any = map[string]any(c)
	for part := range strings.SplitSeq(name, ".") {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[part]
	}
	return value
}

// personOf makes out who somebody is, and what they may do.
func personOf(o setting.OIDC, said claims) (Person, error) {
	name, _ := said.find(o.Names()).(string)
	if !foreign.IsName(name) {
		return Person{}, &DoubtError{fmt.Sprintf("the provider does not say who you are: there is no name in the claim %q", o.Names()),
			"take another claim, or ask for another scope"}
	}
	if verified, ok := said["email_verified"]; ok && o.Names() == "email" && verified != true && verified != "true" {
		return Person{}, &DoubtError{"the provider does not know whether the e-mail address is yours", "let it be verified there"}
	}
	var groups []string
	switch list := said.find(o.Groups()).(type) {
	case string:
		groups = []string{list}
	case []any:
		for _, g := range list {
			if text, ok := g.(string); ok {
				groups = append(groups, text)
			}
		}
	}
	p := Person{Name: name, Role: o.RoleOf(groups)}
	if p.Role == "" {
		return p, ErrNoRole
	}
	return p, nil
}
